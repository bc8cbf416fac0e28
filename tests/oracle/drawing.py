"""Cases at random: queries of every shape, and input that comes out of order.

What is drawn is what a shape needs and no more, so that a failure shrinks to a case that can be read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import strategies as st

from .cases import Case, Query, Record, Setup
from .clauses import Aggregate, Is, Window
from .froms import (
    TABLES,
    Arm,
    FinalGroupsOf,
    FinalsOf,
    ForeignKeyOf,
    GroupsOf,
    MeetingOf,
    Source,
    StreamStreamOf,
    StreamTableOf,
    TablesOf,
    TableTableOf,
    UnionOf,
    columns_of,
    first,
    groups_within,
    is_table,
    names_of,
    topics_read,
)
from .values import OF_STREAMS, OF_TABLES, ValueOf

STREAM_SHAPES = ("plain", "table", "table twice", "streams and table", "three", "meeting")
KINDS = ("INNER", "LEFT", "RIGHT", "FULL")
CUTS = (3, 17, None, 3, 17, None, 1)
RECORDS_MAX = {1: 6, 3: 12, 17: 34, None: 30}  # by cut: what costs is a batch
ANY_ORDER = ("COUNT", "SUM", "AVG", "MIN", "MAX", "TOPK", "TOPKDISTINCT")
IN_ORDER = (
    "LATEST_BY_OFFSET",
    "EARLIEST_BY_OFFSET",
    "EARLIEST_TWO",
    "LATEST_TWO",
    "EARLIEST_ANY",
    "COLLECT_LIST",
    "COLLECT_SET",
)
UNDOABLE = ("COUNT", "SUM", "AVG", "COLLECT_LIST")

number = st.none() | st.integers(0, 4)
milliseconds = st.integers(0, 9)


@st.composite
def stream_stream(
    draw: st.DrawFn, left: Source = "L", right: str = "R", kinds: Sequence[str] = KINDS
) -> StreamStreamOf:
    reach, kind = draw(st.sampled_from([(5, 5), (2, 6), (0, 4), (3, 0)])), draw(st.sampled_from(kinds))
    return StreamStreamOf(left, right, kind, *reach, draw(st.none() | milliseconds))


@st.composite
def meeting(draw: st.DrawFn, of: StreamTableOf | StreamStreamOf | TableTableOf | ForeignKeyOf) -> MeetingOf:
    """A join on a second pair of columns, too."""
    one, *_, other = names_of(of)
    columns = f"{one}.{draw(st.sampled_from('XY'))}", f"{other}.{draw(st.sampled_from('XY'))}"
    columns = columns if draw(st.booleans()) else columns[::-1]
    return MeetingOf(of, columns, draw(st.booleans()), draw(st.sampled_from(["=", "<>"])))


@st.composite
def stream(draw: st.DrawFn) -> Source:
    """A stream, or streams joined."""
    shape = draw(st.sampled_from([*STREAM_SHAPES, "streams", "streams", "itself"]))
    match shape:
        case "plain":
            return "L"
        case "table":
            return StreamTableOf("L", "A", draw(st.booleans()))
        case "streams":
            return draw(stream_stream())
        case "itself":
            return draw(stream_stream("L", draw(st.sampled_from(["M", "N"]))))
        case "meeting":
            streams = stream_stream("L", draw(st.sampled_from(["R", "M"])))
            return draw(meeting(draw(streams | st.builds(StreamTableOf, st.just("L"), st.just("A"), st.booleans()))))
        case "table twice":
            again = draw(st.sampled_from(["B", "D"]))
            return StreamTableOf(StreamTableOf("L", "A", draw(st.booleans())), again, draw(st.booleans()))
        case "streams and table":
            return StreamTableOf(draw(_left_keyed()), "A", draw(st.booleans()))
        case _:
            return draw(stream_stream(draw(_left_keyed()), "P"))


@st.composite
def union(draw: st.DrawFn) -> UnionOf:
    """Two or three arms, also of one stream."""
    made = []
    for _ in range(draw(st.integers(2, 3))):
        name = draw(st.sampled_from(["L", "R"]))
        joined = StreamTableOf(name, "A", draw(st.booleans())) if draw(st.integers(0, 3)) == 3 else name
        where = st.builds(Is, st.just(f"{name}.X"), st.sampled_from([">", "<>"]), st.integers(0, 3))
        made.append(Arm(joined, draw(st.booleans()), draw(st.none() | where)))
    return UnionOf(tuple(made))


@st.composite
def derived_stream(draw: st.DrawFn) -> Source:
    """A union in a sub-query, by itself or joined; a stream joined with a table that a sub-query works out, or with values."""
    shapes = ["alone", "with a table", "with a stream", "with tables", *2 * ["with groups"], *2 * ["with a value"]]
    match draw(st.sampled_from(shapes)):
        case "alone":
            return draw(union())
        case "with groups":
            of = draw(st.sampled_from(["L", "R", "R"]) | union())
            aggregate = draw(st.sampled_from(["SUM", "MAX", "LATEST_BY_OFFSET"]))
            groups = GroupsOf(of, aggregate, draw(st.none() | st.integers(1, 3)))
            return StreamTableOf("L", groups, draw(st.booleans()))
        case "with tables":
            joined = (
                ForeignKeyOf("A", "B", draw(st.booleans())) if draw(st.booleans()) else TableTableOf("A", "B", "LEFT")
            )
            return StreamTableOf("L", TablesOf(joined), draw(st.booleans()))
        case "with a value":
            return draw(with_value(draw(st.sampled_from(["L", StreamTableOf("L", "A", True)]))))
        case "with a table":
            return StreamTableOf(draw(union()), "B", draw(st.booleans()))
        case _:
            return draw(stream_stream(draw(union()), "P"))


@st.composite
def with_value(draw: st.DrawFn, left: Source) -> ValueOf:
    """Rows with what a sub-query gives for their key."""
    of = draw(st.sampled_from(["R", "C"] if left in TABLES else ["L", "R", "R", "C"]))
    return ValueOf(left, of, draw(st.sampled_from(OF_TABLES if of in TABLES else OF_STREAMS)))


@st.composite
def derived_table(draw: st.DrawFn) -> Source:
    """Groups in a sub-query, by themselves or joined."""
    groups, kind = GroupsOf("L"), draw(st.sampled_from(KINDS))
    match draw(st.sampled_from(["alone", "left", "right", "both", "with a value", "of finals"])):
        case "of finals":
            left = draw(st.sampled_from(["B", FinalGroupsOf(draw(finals()))]))
            return TableTableOf(left, FinalGroupsOf(draw(finals()), "H"), kind)
        case "with a value":
            return draw(with_value("A"))
        case "alone":
            return GroupsOf(draw(st.just("L") | union()))
        case "left":
            return TableTableOf(groups, "B", kind)
        case "right":
            return TableTableOf("B", groups, kind)
        case _:
            return TableTableOf(groups, GroupsOf(draw(st.sampled_from(["L", "R"])), name="H"), kind)


@st.composite
def _left_keyed(draw: st.DrawFn) -> StreamStreamOf:
    """A join whose key is the left side's, so that it can be joined again by that."""
    made = draw(stream_stream())
    return made if made.kind in ("INNER", "LEFT") else StreamStreamOf("L", "R", "LEFT", 2, 6, made.grace)


@st.composite
def table(draw: st.DrawFn) -> Source:
    """A table, or tables joined."""
    shape = draw(st.sampled_from(["plain", "tables", "tables", "foreign", "three", "itself", "meeting"]))
    match shape:
        case "plain":
            return "A"
        case "tables":
            return TableTableOf("A", "B", draw(st.sampled_from(KINDS)))
        case "foreign":
            return ForeignKeyOf("A", draw(st.sampled_from(["B", "D"])), draw(st.booleans()))
        case "itself":
            return TableTableOf("A", "D", draw(st.sampled_from(KINDS)))
        case "meeting":
            other = draw(st.sampled_from(["B", "D"]))
            by_key = TableTableOf("A", other, draw(st.sampled_from(KINDS[:3])))
            return draw(meeting(by_key if draw(st.booleans()) else ForeignKeyOf("A", other, draw(st.booleans()))))
        case _:
            return TableTableOf(
                TableTableOf("A", "B", draw(st.sampled_from(KINDS[:2]))), "C", draw(st.sampled_from(KINDS))
            )


@st.composite
def window(draw: st.DrawFn) -> Window:
    grace = draw(st.none() | milliseconds)
    more = None if grace is None else draw(st.none() | st.sampled_from([2, 20]))
    match draw(st.sampled_from(["TUMBLING", "HOPPING", "CUMULATIVE", "SESSION"])):
        case "TUMBLING":
            return Window("TUMBLING", draw(st.sampled_from([5, 10])), None, grace, more)
        case "HOPPING":
            return Window("HOPPING", 10, draw(st.sampled_from([3, 5])), grace, more)
        case "CUMULATIVE":
            return Window("CUMULATIVE", 10, draw(st.sampled_from([2, 5])), grace, more)
        case _:
            return Window("SESSION", draw(st.integers(1, 4)), None, grace, more)


@st.composite
def finals(draw: st.DrawFn) -> FinalsOf:
    where = st.builds(Is, st.sampled_from(["L.X", "L.Y"]), st.sampled_from([">", "<>"]), st.integers(0, 3))
    return FinalsOf("L", draw(window()), draw(st.none() | where))


@st.composite
def of_finals(draw: st.DrawFn) -> Query:
    """Groups of windows that have closed. In which order those of several keys come is not said."""
    source = draw(finals())
    column = st.sampled_from(["F.X", "F.Y"])
    where = draw(st.none() | st.builds(Is, column, st.sampled_from([">", "<>", "<="]), st.integers(0, 3)))
    aggregates = (Aggregate("COUNT"), draw(st.builds(Aggregate, st.sampled_from(ANY_ORDER), column)))
    by = draw(st.sampled_from(["F.X", "F.ID"]))
    return Query(source, where, (), by, aggregates, draw(st.none() | window()))


@st.composite
def queries(draw: st.DrawFn, *, derived: bool = False) -> Query:
    """A query of any shape; `derived`: over a sub-query."""
    if derived and draw(st.integers(0, 9)) == 9:
        return draw(of_finals())
    of_table = draw(st.integers(0, 9)) < 4
    plain, below = (table(), derived_table()) if of_table else (stream(), derived_stream())
    source = draw(below if derived else plain)
    column = st.sampled_from(columns_of(source))
    where = draw(st.none() | st.builds(Is, column, st.sampled_from([">", "<>", "<="]), st.integers(0, 3)))
    if draw(st.booleans()):
        return Query(source, where, tuple(draw(st.lists(column, min_size=1, max_size=3, unique=True))))
    by = draw(st.sampled_from([f"{first(source)}.X", f"{first(source)}.ID"]))
    names = (UNDOABLE[:3] if groups_within(source) else UNDOABLE) if of_table else (*ANY_ORDER, *IN_ORDER)
    if not of_table and by.endswith(".X") and {"M", "N"} & set(names_of(source)):
        names = ANY_ORDER  # in which order a batch's pairs of several partitions come is not said
    aggregates = [Aggregate("COUNT"), draw(st.builds(Aggregate, st.sampled_from(names), column))]
    grouped = None if of_table or draw(st.integers(0, 3)) == 0 else draw(window())
    having = draw(st.none() | st.builds(Is, st.just("V0"), st.sampled_from([">", "<>"]), st.integers(0, 2)))
    final = grouped is not None and draw(st.booleans())
    may_forget = not of_table and grouped is None and by.endswith(".ID")  # in a partition rows of a group have an order
    ttl = draw(st.none() | st.sampled_from([4, 12])) if may_forget else None
    return Query(source, where, (), by, tuple(aggregates), grouped, having, final, ttl)


@st.composite
def records(draw: st.DrawFn, source: Source, most: int) -> tuple[Record, ...]:
    """Records of a FROM's sources; time goes on by `step` a record, each out of its place by a little."""
    step = draw(st.sampled_from([0, 1, 3]))
    names = st.sampled_from(topics_read(source))
    each = st.tuples(names, st.integers(0, 3), number, number, st.integers(-12, 8), st.integers(0, 9))
    least = draw(st.sampled_from([0, most // 2, most // 2]))  # 0 is what a failure shrinks to
    made = []
    for i, (name, key, x, y, moved, odd) in enumerate(draw(st.lists(each, min_size=least, max_size=most))):
        gone = odd == 9 if name in TABLES else odd == 8 and not is_table(source)
        keyed = None if odd == 7 and name not in TABLES else key
        made.append(Record(name, keyed, None if gone else (x, y), max(0, i * step + moved)))
    return tuple(made)


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    """Any way to run."""
    workers, killed_after = draw(st.sampled_from([1, 2])), draw(st.sampled_from([None, None, None, 0, 1, 2]))
    return Setup(draw(st.sampled_from(CUTS)), draw(st.sampled_from([1, 3])), workers, killed_after)


@st.composite
def everything(draw: st.DrawFn, runs: int = 1, scale: int = 1, *, derived: bool = False) -> Case:
    """A case; `runs`: in how many ways it runs; `scale`: so many times the usual number of records; `derived`: over a
    sub-query."""
    query = draw(queries(derived=derived))
    chosen = tuple(draw(st.lists(setups(), min_size=runs, max_size=runs, unique=True)))
    most = min(scale * RECORDS_MAX[setup.cut] for setup in chosen)
    return Case(query, draw(records(query.source, most)), chosen)


def seed() -> int | None:
    """MERGUS_ORACLE_SEED: any number; without it always the same cases are drawn."""
    given = os.environ.get("MERGUS_ORACLE_SEED")
    return None if given is None else int(given)
