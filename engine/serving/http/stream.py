"""Answers that come over time: a query's rows as they are made, and acknowledgements while rows still arrive.

A push query waits for rows without end, so each has a thread of its own: in a shared pool forty idle ones would stop
all others. Reading and acknowledging inserts are apart, so that a client that sends all before it reads is not held up.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import orjson
import pyarrow as pa
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from ...errors import MergusError
from ...operators.operator import DELETED
from ..arrow import named, named_schema
from ..json_rows import row_texts
from ..results import Push, Rows, end_of
from .answers import error_body

PIECE_BYTES = 1 << 20
ACKS_WAITING_MAX = 100_000


_WRAPPED = {False: '{"row":{"columns":%s}}', True: '{"row":{"columns":%s,"tombstone":true}}'}


@dataclass(frozen=True)
class Shape:
    """How entries stand in a body: what opens and closes it, what comes before and behind each entry but the first.
    `wraps`: a row is an object that says so, and that says of a table's row whether it is deleted; the end is told."""

    media: str
    opening: str
    before: str
    after: str
    closing: str
    wraps: bool = False

    def rows(self, texts: Iterator[str], table: pa.Table) -> Iterator[str]:
        """The entries of rows whose cells are `texts`."""
        if not self.wraps:
            return texts
        deleted = table.column(DELETED).to_pylist() if DELETED in table.schema.names else repeat(False)
        return (_WRAPPED[gone] % text for text, gone in zip(texts, deleted, strict=False))


LINES = Shape("application/vnd.ksqlapi.delimited.v1", "", "", "\n", "")
ARRAY = Shape("application/json", "[", ",\n", "", "]\n")
OLDER_ARRAY = Shape("application/vnd.ksql.v1+json", "[", ",\n", "", "]\n", wraps=True)
ARROW = "application/vnd.apache.arrow.stream"


def texts(answer: Rows | Push, header: str, shape: Shape) -> Iterator[bytes]:
    """The body piece by piece: the header at once, then a piece for each of the query's batches. A failure on the way is
    the last entry: the status has been sent by then."""
    told = shape.wraps and (isinstance(answer, Push) or answer.of_stream)
    before, after = ("", shape.before) if told else (shape.before, shape.after)  # one more comes: each line is whole
    yield (shape.opening + header + after).encode()
    given = 0
    try:
        for table in _tables(answer):
            rows = shape.rows(row_texts(answer.schema, table), table)
            yield "".join(f"{before}{row}{after}" for row in rows).encode()
            given += table.num_rows
        last = {"finalMessage": end_of(given, answer.limit)} if told else None
    except MergusError as error:
        told_so = error_body(error)
        last = {**told_so, "errorMessage": told_so} if shape.wraps else told_so  # clients look for one or the other
    if last is not None:
        yield before.encode() + orjson.dumps(last) + shape.after.encode()
    yield shape.closing.encode()


def arrow_pieces(answer: Rows | Push) -> Iterator[bytes]:
    """The body as an Arrow IPC stream, columns by name; the query's id is in the schema's metadata. A failure on the way
    is told in the metadata of a last, empty batch."""
    schema = named_schema(answer.schema).with_metadata(
        {"query_id": answer.query_id, "push": "true" if isinstance(answer, Push) else "false"}
    )
    out = io.BytesIO()
    empty = pa.RecordBatch.from_pylist([], schema)
    with pa.ipc.new_stream(out, schema) as stream:
        stream.write_batch(empty)  # the schema is written with the first batch: the client shall have it at once
        yield _taken(out)
        try:
            for table in _tables(answer):
                stream.write_table(named(answer.schema, table).replace_schema_metadata(schema.metadata))
                yield _taken(out)
        except MergusError as error:
            stream.write_batch(empty, custom_metadata={"error": orjson.dumps(error_body(error))})
    yield _taken(out)


def _taken(out: io.BytesIO) -> bytes:
    """What was written since it was last asked."""
    piece = out.getvalue()
    out.seek(0)
    out.truncate()
    return piece


def _tables(answer: Rows | Push) -> Iterator[pa.Table]:
    return answer.tables() if isinstance(answer, Rows) else iter(answer)


async def apart(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Ask a blocking iterator on a thread of its own. Cancelled, it lets the thread go without waiting for it."""
    end = object()
    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, thread_name_prefix="mergus-push")
    try:
        while (piece := await loop.run_in_executor(thread, next, pieces, end)) is not end:
            assert isinstance(piece, bytes)
            for start in range(0, len(piece), PIECE_BYTES):
                yield piece[start : start + PIECE_BYTES]
    finally:
        thread.shutdown(wait=False)


class QueryResponse(StreamingResponse):
    """A query's answer; it is ended when its client goes, or the server."""

    def __init__(self, answer: Rows | Push, pieces: Iterator[bytes], media: str) -> None:
        super().__init__(apart(pieces), media_type=media)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(self._answer.close)


class AcknowledgedResponse(Response):
    """Acknowledgements sent while the request's body still comes: the body belongs to `acks`, so unlike starlette's own
    streams nothing else here listens to the client."""

    def __init__(self, acks: AsyncIterator[bytes], media: str) -> None:
        super().__init__(media_type=media)
        del self.headers["content-length"]
        self._acks = acks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue(ACKS_WAITING_MAX)
        reading = asyncio.create_task(_collect(self._acks, waiting))
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            while (ack := await waiting.get()) is not None:
                await send({"type": "http.response.body", "body": ack, "more_body": True})
            await reading
        finally:
            reading.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _collect(acks: AsyncIterator[bytes], waiting: asyncio.Queue[bytes | None]) -> None:
    try:
        async for ack in acks:
            await waiting.put(ack)
    finally:
        await waiting.put(None)


async def lines_of(body: AsyncIterator[bytes], line_bytes_max: int) -> AsyncIterator[list[bytes]]:
    r"""The body's lines, those of each chunk together, empty ones left out. Raises LineTooLong.

    >>> async def body():
    ...     for chunk in (b"a\nb", b"c\n\n", b"d"):
    ...         yield chunk
    >>> async def main():
    ...     return [lines async for lines in lines_of(body(), 10)]
    >>> asyncio.run(main())
    [[b'a'], [b'bc'], [b'd']]
    """
    rest: list[bytes] = []
    size = 0
    async for chunk in body:
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            whole = b"".join([*rest, head]).split(b"\n")
            rest, size = [], 0
            if any(len(line) > line_bytes_max for line in whole):
                raise LineTooLong(line_bytes_max)
            if found := [line for line in whole if line.strip()]:
                yield found
        rest.append(tail)
        size += len(tail)
        if size > line_bytes_max:
            raise LineTooLong(line_bytes_max)
    if (last := b"".join(rest)).strip():
        yield [last]


class LineTooLong(Exception):
    """A line of a body is longer than is taken."""

    def __init__(self, line_bytes_max: int) -> None:
        super().__init__(f"a line is larger than {line_bytes_max} bytes")
