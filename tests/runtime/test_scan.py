"""Scans of large tables: pieces that come while the rest is not made yet, of one moment, held no longer than they are read."""

from __future__ import annotations

import pyarrow as pa
import pytest
from flows import until
from plans import counts, open_topics, produce, pull_all, pulled, rows_of

from mergus.engine.errors import Conflict, EnvironmentFault
from mergus.engine.runtime.hosts.host import Host, HostSettings
from mergus.engine.runtime.hosts.lifecycle import Lifecycle, RunSettings
from mergus.engine.runtime.hosts.wire import table_of
from mergus.engine.runtime.pull import reading
from mergus.engine.runtime.pull import scan as scans
from mergus.engine.runtime.pull.scan import NumberedScans, Scan, in_turn

KEYS = 3 * scans.PIECE_ROWS + 1
EVENTS = [(f"k{i}", i) for i in range(KEYS)]


@pytest.fixture(scope="module", params=["in process", "hosts"])
def running(request, tmp_path_factory):
    """A query over EVENTS, and its topics; the tests add to them one after the other."""
    folder = tmp_path_factory.mktemp("scan")
    topics = open_topics(folder)
    made = Lifecycle(HostSettings(folder), topics, RunSettings(in_process=request.param == "in process", epoch_ms=50))
    produce(topics, EVENTS)
    made.start(counts())
    made.wait_caught_up(limit_s=120)
    yield made, topics
    made.close()
    topics.close()


@pytest.fixture
def lifecycle(running):
    return running[0]


@pytest.fixture
def topics(running):
    return running[1]


def test_a_scan_is_of_one_moment_while_others_are_answered_and_the_table_is_written(lifecycle, topics):
    before = rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))
    pieces = lifecycle.pull("CTAS_COUNTS", pull_all())
    read = [next(pieces)]
    produce(topics, EVENTS)
    lifecycle.wait_caught_up(limit_s=120)
    assert rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all())) == {k: (n + 1, s * 2) for k, (n, s) in before.items()}
    read += pieces
    assert len(read) > 3
    assert max(piece.num_rows for piece in read) <= scans.PIECE_ROWS
    assert rows_of(pa.concat_tables(read)) == before


def test_a_scan_that_is_left_lets_the_table_go(lifecycle):
    pieces = lifecycle.pull("CTAS_COUNTS", pull_all())
    next(pieces)
    (host,) = lifecycle._entries["CTAS_COUNTS"].hosts
    if isinstance(host, Host):
        flow = host._flow("CTAS_COUNTS")
        assert flow.reading.busy
        pieces.close()
        assert not flow.reading.busy
    else:
        pieces.close()
        until(lambda: not host._waiting)
    assert len(rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))) == KEYS


def test_a_query_that_stops_breaks_a_scan_off(lifecycle, monkeypatch):
    monkeypatch.setattr(reading, "GRACE_S", 0.0)
    pieces = lifecycle.pull("CTAS_COUNTS", pull_all())
    next(pieces)
    lifecycle.pause("CTAS_COUNTS")
    with pytest.raises(EnvironmentFault, match="has stopped, or started again, while its table was read"):
        list(pieces)
    assert len(rows_of(pulled(lifecycle, "CTAS_COUNTS", pull_all()))) == KEYS


# ------------------------------------------------------------------------------------------------------ without a flow
class Source:
    """Pieces of one row, made when they are asked for."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.made = 0
        self.closed = False
        self._count = count
        self._error = error

    def tables(self):
        try:
            for number in range(self._count):
                self.made += 1
                yield pa.table({"c0": [number]})
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


def test_a_scan_is_one_piece_ahead_of_its_reader():
    source = Source(3)
    scan = Scan(source.tables())
    assert source.made == 0
    next(scan)
    assert source.made == 2
    next(scan)
    assert (source.made, source.closed) == (3, False)
    assert next(scan).to_pylist() == [{"c0": 2}]
    assert source.closed  # with the last piece nothing is held any more
    assert scan.ended
    scan.break_off(Conflict("too late"))
    assert list(scan) == []


def test_who_does_not_ask_for_more_is_given_up():
    now = [0.0]
    source = Source(5)
    scan = Scan(source.tables(), clock=lambda: now[0])
    next(scan)
    now[0] = scans.IDLE_S
    scan.give_up()
    assert not source.closed
    now[0] += 1
    scan.give_up()
    assert source.closed
    with pytest.raises(EnvironmentFault, match="did not ask for more in 300 s"):
        next(scan)


def test_parts_come_in_turn_and_begin_together():
    one, other = Source(3), Source(2)
    pieces = in_turn([one.tables(), other.tables()], limit=4)
    next(pieces)
    assert other.made == 1
    assert [piece.column(0).to_pylist() for piece in pieces] == [[1], [2], [0]]
    assert one.closed
    assert other.closed


def test_an_error_on_the_way_closes_everything():
    one, other = Source(3), Source(1, EnvironmentFault("broken"))
    pieces = in_turn([one.tables(), other.tables()], limit=None)
    with pytest.raises(EnvironmentFault, match="broken"):
        list(pieces)
    assert one.closed


def test_scans_by_number():
    source, numbered = Source(3, EnvironmentFault("broken")), NumberedScans()
    piece, number = numbered.begin(Scan(source.tables()))
    assert table_of(piece).to_pylist() == [{"c0": 0}]
    assert number is not None
    assert numbered.more(number)[1] == number
    with pytest.raises(EnvironmentFault, match="broken"):
        numbered.more(number)
    with pytest.raises(Conflict):
        numbered.more(number)
    assert numbered.begin(Scan(Source(1).tables()))[1] is None
