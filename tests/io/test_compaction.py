"""Compaction of embedded topics: what Kafka's log compaction promises, for any course of writing, cleaning and reading."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mergus.engine.clock import FixedClock
from mergus.engine.errors import UserError
from mergus.engine.io.embedded.compaction import Pass
from mergus.engine.io.embedded.topics import EmbeddedTopics
from mergus.engine.io.topics import HEADERS

DAY_MS = 86_400_000
EAGER = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0", "segment.bytes": "0"}
COLUMNS = ("key", "value", "headers", "timestamp")
Record = dict[str, Any]


@contextmanager
def opened(config: dict[str, str], clock: FixedClock) -> Iterator[EmbeddedTopics]:
    with tempfile.TemporaryDirectory() as folder:
        topics = EmbeddedTopics(Path(folder), clock=clock)
        topics.create("t", config=config)
        yield topics
        topics.close()


def write(topics: EmbeddedTopics, records: list[Record], name: str = "t") -> None:
    """One flush: one row of the file, where they are few."""
    columns = {
        "timestamp": pa.array([r.get("timestamp", 1) for r in records], pa.int64()),
        "key": pa.array([r["key"] for r in records], pa.binary()),
        "value": pa.array([r["value"] for r in records], pa.binary()),
        "headers": pa.array([r.get("headers") for r in records], HEADERS),
    }
    writer = topics.writer()
    writer.write(name, pa.RecordBatch.from_pydict(columns))
    writer.close()


def updates(*pairs: tuple[str, str | None]) -> list[Record]:
    return [{"key": k.encode(), "value": None if v is None else v.encode()} for k, v in pairs]


def read(topics: EmbeddedTopics, at: int = 0, max_records: int = 1000, name: str = "t") -> list[Record]:
    reader = topics.reader({(name, 0): at}, COLUMNS)
    found: list[Record] = []
    while (batch := reader.poll(max_records)) is not None:
        found += batch.to_pylist()
    assert reader.positions() == {(name, 0): max(at, topics.end_offsets(name)[0])}
    reader.close()
    return found


def compact(topics: EmbeddedTopics, **more: Any) -> int:
    cleaner = topics.cleaner(**more)
    try:
        dropped = 0
        while came := cleaner.run():
            dropped += came
        return dropped
    finally:
        cleaner.close()


def short(found: list[Record]) -> list[tuple[int, str | None, str | None]]:
    return [(r["offset"], *(None if r[c] is None else r[c].decode() for c in ("key", "value"))) for r in found]


def layout(topics: EmbeddedTopics) -> tuple[Any, ...]:
    """(bytes, clean bytes) as noted and as they are."""
    connection = topics._store.connection
    start = connection.execute("SELECT id << 40 FROM partitions").fetchone()[0]
    noted = connection.execute("SELECT bytes, clean_bytes FROM partitions").fetchone()
    clean = connection.execute("SELECT clean_offset FROM partitions").fetchone()[0]
    total = "SELECT coalesce(sum(length(body)), 0) FROM batches WHERE id < ?"
    found = tuple(connection.execute(total, (start + at,)).fetchone()[0] for at in (1 << 39, clean))
    return noted, found


def test_the_last_record_of_each_key_stays_where_it_was() -> None:
    with opened(EAGER, FixedClock()) as topics:
        write(topics, updates(("a", "1"), ("b", "1"), ("a", "2")))
        write(topics, updates(("c", "1"), ("b", "2")))
        write(topics, updates(("a", "3")))
        write(topics, updates(("a", "4"), ("c", "2")))
        assert compact(topics) == 3
        rest = [
            (3, "c", "1"),
            (4, "b", "2"),
            (5, "a", "3"),
            (6, "a", "4"),
            (7, "c", "2"),
        ]  # the newest row is left alone
        assert short(read(topics)) == rest
        assert [short(read(topics, at))[0][0] for at in range(8)] == [3, 3, 3, 3, 4, 5, 6, 7]
        assert (topics.begin_offsets("t"), topics.end_offsets("t")) == ({0: 0}, {0: 8})
        write(topics, updates(("d", "1")))
        assert compact(topics) == 2
        assert short(read(topics)) == [(4, "b", "2"), (6, "a", "4"), (7, "c", "2"), (8, "d", "1")]


def test_records_without_a_key_stay() -> None:
    with opened(EAGER, FixedClock()) as topics:
        keyless: list[Record] = [{"key": None, "value": b"x"}, {"key": None, "value": None}]
        write(topics, [*keyless, *updates(("", "1"), ("a", "1"))])
        write(topics, [*updates(("", "2"), ("a", "2")), *keyless])
        write(topics, updates(("z", "1")))
        compact(topics)
        assert [r["offset"] for r in read(topics)] == [0, 1, 4, 5, 6, 7, 8]


def test_a_tombstone_goes_a_day_after_it_was_first_seen() -> None:
    """Not a day after its timestamp: that may be the time of an event of long ago."""
    clock = FixedClock(100 * DAY_MS)
    with opened(EAGER, clock) as topics:
        write(topics, updates(("a", "1"), ("b", "1"), ("a", None)))
        write(topics, updates(("c", "1")))
        compact(topics)
        assert short(read(topics)) == [(1, "b", "1"), (2, "a", None), (3, "c", "1")]
        clock.current_ms += DAY_MS - 1
        write(topics, updates(("b", None)))
        write(topics, updates(("c", "2")))
        compact(topics)
        assert short(read(topics)) == [(2, "a", None), (3, "c", "1"), (4, "b", None), (5, "c", "2")]
        clock.current_ms += 1
        write(topics, updates(("c", "3")))
        compact(topics)
        assert short(read(topics)) == [(4, "b", None), (5, "c", "2"), (6, "c", "3")]
        clock.current_ms += DAY_MS  # nothing is written any more
        assert compact(topics) == 1
        assert short(read(topics)) == [(5, "c", "2"), (6, "c", "3")]


def test_nothing_is_done_before_enough_is_new() -> None:
    config = {"cleanup.policy": "compact", "segment.bytes": "1000"}
    with opened(config, FixedClock()) as topics:
        for _ in range(9):
            write(topics, updates(("a", "x" * 100)))
        assert compact(topics) == 0
        for i in range(100):
            write(topics, updates((f"k{i}", "x" * 100)))
        assert compact(topics) == 8
        for i in range(85):  # of the clean part's 91
            write(topics, updates((f"k{i}", "y" * 100)))
        assert compact(topics) == 0
        for i in range(20):
            write(topics, updates((f"k{i}", "z" * 100)))
        assert compact(topics) > 80
        assert len(read(topics)) < 120


@pytest.mark.parametrize("policy", [None, "delete"])
def test_other_topics_are_left_alone(policy: str | None) -> None:
    with opened({**EAGER, "cleanup.policy": policy or "delete"}, FixedClock()) as topics:
        for _ in range(3):
            write(topics, updates(("a", "1")))
        assert compact(topics) == 0
        assert len(read(topics)) == 3


def test_compacted_and_past_retention() -> None:
    clock = FixedClock(1_000_000)
    with opened({**EAGER, "cleanup.policy": "compact,delete", "retention.ms": "1000"}, clock) as topics:
        for i, key in enumerate("abcabd"):
            write(topics, [{**updates((key, str(i)))[0], "timestamp": 1_000_000 + 100 * i}])
        compact(topics)
        assert short(read(topics)) == [(2, "c", "2"), (3, "a", "3"), (4, "b", "4"), (5, "d", "5")]
        assert topics.begin_offsets("t") == {0: 0}
        clock.current_ms = 1_000_000 + 1000 + 450
        assert topics.enforce_retention() == 3  # they lie in one row now
        assert topics.begin_offsets("t") == {0: 5}
        assert short(read(topics)) == [(5, "d", "5")]
        assert layout(topics)[0] == layout(topics)[1]


def test_one_process_cleans_at_a_time() -> None:
    with opened(EAGER, FixedClock()) as topics:
        for _ in range(3):
            write(topics, updates(("a", "1"), ("b", "1")))
        other = topics.cleaner()
        seen: list[int] = []
        cleaner = topics.cleaner(lambda rest_s: seen.append(other.run()) or False)
        assert cleaner.run() == 2
        assert seen
        assert not any(seen)
        cleaner.close()
        other.close()


@pytest.mark.parametrize("by", ["delete", "retention"])
def test_what_is_taken_from_under_a_pass_does_not_come_back(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FixedClock(1_000_000)
    with opened({**EAGER, "cleanup.policy": "compact,delete", "retention.ms": "1000"}, clock) as topics:
        for at in (clock.current_ms, clock.current_ms + 500, clock.current_ms + 1500):
            write(topics, [{**r, "timestamp": at} for r in updates(("a", "1"), ("b", "1"), ("b", "2"))])

        def kept(self: Pass, records: pa.RecordBatch, find: Any = Pass._kept) -> Any:
            if by == "delete":
                topics.delete("t")
            else:
                clock.current_ms += 1200
                topics.enforce_retention()
            return find(self, records)

        monkeypatch.setattr(Pass, "_kept", kept)
        assert compact(topics) == 0
        if by == "delete":
            (left,) = topics._store.connection.execute("SELECT count(*) FROM batches").fetchone()
            assert left == 0
        else:
            assert [r["offset"] for r in read(topics)] == [3, 4, 5, 6, 7, 8]
            assert layout(topics)[0] == layout(topics)[1]


def test_a_pass_remembers_so_many_keys_and_the_next_goes_on() -> None:
    with opened(EAGER, FixedClock()) as topics:
        for i in range(40):
            write(topics, updates(*[(f"k{(i * 7 + j) % 50}", f"{i} {j}") for j in range(300)]))
        compact(topics, keys_max=20)
        assert len(read(topics)) == 50 + 300
        assert layout(topics)[0] == layout(topics)[1]


def test_small_neighbours_are_laid_together() -> None:
    with opened(EAGER, FixedClock()) as topics:
        for i in range(300):
            write(topics, updates((f"k{i}", "1")))
        compact(topics)
        (rows,) = topics._store.connection.execute("SELECT count(*) FROM batches").fetchone()
        assert rows == 2
        assert [r["offset"] for r in read(topics, 0, 7)] == list(range(300))


def test_what_is_not_used_goes_back_to_the_disk() -> None:
    """Also of a topic that was deleted."""
    with opened(EAGER, FixedClock()) as topics:
        topics.create("u")
        for name in ("t", "u") * 8:
            write(topics, updates(("a", "x" * 1_000_000)), name)
        assert pages(topics) > 3_900
        assert compact(topics) == 6
        assert pages(topics) > 3_900  # less than half is free
        topics.delete("u")
        at_once = pages(topics)
        assert at_once < 3_750
        compact(topics)
        assert pages(topics) < 1_600
        assert [r["offset"] for r in read(topics)] == [6, 7]


def pages(topics: EmbeddedTopics) -> int:
    (count,) = topics._store.connection.execute("PRAGMA page_count").fetchone()
    return int(count)


@pytest.mark.parametrize(
    ("setting", "text"),
    [("min.cleanable.dirty.ratio", "2"), ("segment.bytes", "big"), ("delete.retention.ms", "-1")],
)
def test_settings_that_are_none(setting: str, text: str) -> None:
    with opened({}, FixedClock()) as topics, pytest.raises(UserError, match=f"topic setting {setting}") as raised:
        topics.create("u", config={"cleanup.policy": "compact", setting: text})
    assert text in raised.value.message


def test_a_file_of_the_layout_before_is_taken_over(tmp_path: Path) -> None:
    topics = EmbeddedTopics(tmp_path, clock=FixedClock())
    topics.create("t", config=EAGER)
    write(topics, updates(("a", "1"), ("a", "2")))
    write(topics, updates(("b", "1")))
    for column in ("clean_offset", "clean_bytes", "tombstones_ms"):
        topics._store.connection.execute(f"ALTER TABLE partitions DROP COLUMN {column}")
    topics._store.connection.execute("PRAGMA user_version = 1")
    topics.close()
    topics = EmbeddedTopics(tmp_path, clock=FixedClock())
    assert compact(topics) == 1
    assert short(read(topics)) == [(1, "a", "2"), (2, "b", "1")]
    topics.close()


# --------------------------------------------------------------------------------------------------------- at random
KEYS = st.sampled_from([None, b"", b"a", b"b", b"c", b"long key" * 5])
VALUES = st.one_of(st.none(), st.binary(max_size=4))
HEADER = st.one_of(st.none(), st.none(), st.just([{"key": "h", "value": b"1"}]))
RECORDS = st.fixed_dictionaries({"key": KEYS, "value": VALUES, "headers": HEADER, "timestamp": st.integers(0, 3)})
BATCH = st.tuples(st.just("write"), st.lists(RECORDS, min_size=1, max_size=6))
STEPS = st.one_of(
    BATCH,
    BATCH,
    st.tuples(st.just("compact"), st.integers(1, 4)),
    st.tuples(st.just("killed"), st.integers(0, 6)),
    st.tuples(st.just("wait"), st.sampled_from([1, 50, 100])),
    st.tuples(st.just("poll"), st.integers(1, 5)),
)


@dataclass
class Course:
    """What was written, when a tombstone was, and what a reader that goes along has got."""

    topics: EmbeddedTopics
    clock: FixedClock
    written: list[Record] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    got: list[Record] = field(default_factory=list)

    def step(self, reader: Any, what: str, value: Any) -> None:
        match what:
            case "write":
                self.written += [{**r, "offset": len(self.written) + i} for i, r in enumerate(value)]
                self.times += [self.clock.current_ms] * len(value)
                write(self.topics, value)
            case "compact":
                compact(self.topics, keys_max=value)
            case "killed":  # what a pass does is in the file after each of its transactions
                left = iter(range(value))
                cleaner = self.topics.cleaner(lambda rest_s: next(left, None) is None)
                cleaner.run()
                cleaner.close()
            case "wait":
                self.clock.current_ms += value
            case _:
                batch = reader.poll(value)
                self.got += [] if batch is None else batch.to_pylist()
        self.check()

    def check(self) -> None:
        found = read(self.topics)
        self.is_part(found)
        there = {r["offset"] for r in found}
        newest = {r["key"]: r["offset"] for r in self.written}
        for record in self.written:
            offset = record["offset"]
            stays = record["key"] is None or newest[record["key"]] == offset
            young = record["value"] is not None or self.clock.current_ms < self.times[offset] + 100
            assert offset in there or not stays or (record["key"] is not None and not young)
        assert layout(self.topics)[0] == layout(self.topics)[1]
        for at in range(0, len(self.written), 3):
            assert read(self.topics, at, 2) == [r for r in found if r["offset"] >= at]

    def is_part(self, found: list[Record]) -> None:
        """Records as they were written, in order."""
        offsets = [r["offset"] for r in found]
        assert offsets == sorted(set(offsets))
        for record in found:
            assert {name: record[name] for name in (*COLUMNS, "offset")} == self.written[record["offset"]]


def table_of(records: list[Record]) -> dict[bytes, bytes]:
    rows = {r["key"]: r["value"] for r in records if r["key"] is not None}
    return {key: value for key, value in rows.items() if value is not None}


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=25), st.sampled_from(["0", "0.5"]), st.sampled_from(["0", "40"]))
def test_any_course_keeps_what_kafka_keeps(steps: list[tuple[str, Any]], ratio: str, tail: str) -> None:
    config = {**EAGER, "min.cleanable.dirty.ratio": ratio, "segment.bytes": tail, "delete.retention.ms": "100"}
    clock = FixedClock(10**12)
    with opened(config, clock) as topics:
        course = Course(topics, clock)
        reader = topics.reader({("t", 0): 0}, COLUMNS)
        for what, value in steps:
            course.step(reader, what, value)
        while (batch := reader.poll(2)) is not None:
            course.got += batch.to_pylist()
        course.is_part(course.got)
        now = table_of(course.written)
        assert table_of(read(topics)) == now
        assert now.items() <= table_of(course.got).items()  # it may have been too slow for a tombstone
        reader.close()
