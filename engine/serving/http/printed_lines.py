"""PRINT as lines of text, which is what ksqlDB's own clients read of POST /query: the formats that the records seem to have,
told again when they change, then a line a record."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from ...errors import MergusError
from ...sql.statements.query import WINDOW_KINDS
from ..topic_answers import PrintedTopic

_EPOCH = datetime.datetime(1970, 1, 1)
_UNKNOWN = (
    "does not match any supported format. It may be a STRING with encoding other than UTF8, or some other format."
)


def printed_lines(answer: PrintedTopic) -> Iterator[bytes]:
    """The body, a piece for each batch of records. A failure on the way is the last line."""
    told: tuple[str, ...] = ()
    try:
        for table in answer:
            found = answer.formats()
            windowed = found[0].startswith(WINDOW_KINDS)
            heads = (f"Key format: {found[0] or _UNKNOWN}", f"Value format: {found[1] or _UNKNOWN}")
            lines = [head for head in heads if head not in told]
            told = heads
            for time, partition, _, key, value in zip(*(c.to_pylist() for c in table.columns), strict=True):
                shown = "<null>" if key is None else f"[{key}]" if windowed else key
                text = "<null>" if value is None else value
                lines.append(f"rowtime: {_time(time)}, key: {shown}, value: {text}, partition: {partition}")
            yield "".join(f"{line}\n" for line in lines).encode()
    except MergusError as error:
        yield f"{error.message}\n".encode()


def _time(millis: int) -> str:
    """Milliseconds since 1970 as ksqlDB prints them, in UTC.

    >>> _time(1586520000123)
    '2020/04/10 12:00:00.123 Z'
    """
    moment = _EPOCH + datetime.timedelta(milliseconds=millis)
    return f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03} Z"
