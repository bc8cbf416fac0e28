"""KAFKA: the byte layouts of Kafka's own serialisers, one column a key or value.

INTEGER, BIGINT and DOUBLE are big-endian; STRING is UTF-8; BYTES as they are. A payload of another length is an error
of its record. All is done on Arrow buffers by numpy, without a loop over rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import AnalysisError
from ...sql.types import BIGINT, BYTES, DOUBLE, INTEGER, STRING, Scalar, SqlType, arrow_type
from .format import Decoded, FormatColumn

_NUMBERS: dict[SqlType, tuple[int, str]] = {INTEGER: (4, ">i4"), BIGINT: (8, ">i8"), DOUBLE: (8, ">f8")}
SUPPORTED: tuple[Scalar, ...] = (INTEGER, BIGINT, DOUBLE, STRING, BYTES)


def decode_column(payload: pa.Array, sql_type: SqlType) -> tuple[pa.Array, list[tuple[int, str]]]:
    """One binary array as a column of `sql_type`, NULL where it is NULL, and the rows that do not fit with reasons."""
    if sql_type == BYTES:
        return payload, []
    if sql_type == STRING:
        return _decode_text(payload)
    width, layout = _NUMBERS[sql_type]
    lengths = pc.binary_length(payload)
    fits = pc.fill_null(pc.equal(lengths, width), False)
    wrong = pc.and_(pc.is_valid(payload), pc.invert(fits))
    good = payload.filter(fits)
    data = good.buffers()[2]
    start = np.frombuffer(good.buffers()[1], "<i4", 1, 4 * good.offset)[0] if len(good) else 0
    values = np.frombuffer(data, layout, len(good), int(start)) if len(good) else np.zeros(0, layout)
    target = arrow_type(sql_type)
    taken = pc.subtract(pc.cumulative_sum(pc.cast(fits, pa.int64())), 1)
    column = pa.array(values.astype(values.dtype.newbyteorder("=")), target).take(pc.if_else(fits, taken, None))
    bad = np.flatnonzero(wrong.to_numpy(zero_copy_only=False))
    return column, [(int(i), f"{sql_type} takes {width} bytes, the record has {lengths[int(i)].as_py()}") for i in bad]


def _decode_text(payload: pa.Array) -> tuple[pa.Array, list[tuple[int, str]]]:
    try:
        return pc.cast(payload, pa.string()), []
    except pa.ArrowInvalid:
        errors: list[tuple[int, str]] = []
        texts: list[str | None] = []
        # Row by row because Arrow does not say which row is not UTF-8.
        for row, value in enumerate(payload.to_pylist()):
            try:
                texts.append(None if value is None else value.decode())
            except UnicodeDecodeError as why:
                texts.append(None)
                errors.append((row, f"not UTF-8 at byte {why.start}"))
        return pa.array(texts, pa.string()), errors


def encode_column(column: pa.Array, sql_type: SqlType) -> pa.Array:
    """One column as a binary array; NULL stays NULL."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if sql_type in (BYTES, STRING):
        return column.view(pa.binary())  # a text's bytes: nothing to be converted
    width, layout = _NUMBERS[sql_type]
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(layout)
    offsets = np.arange(0, (len(column) + 1) * width, width, dtype="<i4")
    plain = pa.Array.from_buffers(
        pa.binary(), len(column), [None, pa.py_buffer(offsets), pa.py_buffer(values.tobytes())]
    )
    return pc.if_else(pc.is_valid(column), plain, pa.scalar(None, pa.binary())) if column.null_count else plain


class KafkaCodec:
    """Both directions for at most one column."""

    def __init__(self, columns: Sequence[FormatColumn]) -> None:
        self.columns = columns

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """The payload as the one column."""
        if not self.columns:
            return Decoded([], pc.is_null(payload), [])
        column, errors = decode_column(payload, self.columns[0].type)
        return Decoded([column], pc.is_null(payload), errors)

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """The one column's bytes."""
        if not columns:
            return pa.nulls(0 if is_null is None else len(is_null), pa.binary()), []
        encoded = encode_column(columns[0], self.columns[0].type)
        if is_null is not None:
            encoded = pc.if_else(is_null, pa.scalar(None, pa.binary()), encoded)
        return encoded, []


def _property(is_key: bool) -> str:
    return "KEY_FORMAT" if is_key else "VALUE_FORMAT"


class KafkaFormat:
    """Kafka's primitive serialisers as a format."""

    name = "KAFKA"

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """One column of a primitive type."""
        if len(columns) > 1:
            raise AnalysisError(
                "The 'KAFKA' format only supports a single field",
                detail=f"got {', '.join(c.name for c in columns)}",
                hint=f"WITH ({_property(is_key)} = 'JSON') takes several columns",
            )
        for column in columns:
            if column.type not in SUPPORTED:
                raise AnalysisError(
                    f"The 'KAFKA' format does not support type '{column.type}', column: {column.name}",
                    hint=f"it carries {', '.join(map(str, SUPPORTED))}; WITH ({_property(is_key)} = 'JSON') takes others",
                )

    def decoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> KafkaCodec:
        """A decoder of the one column."""
        return KafkaCodec(columns)

    def encoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> KafkaCodec:
        """An encoder of the one column."""
        return KafkaCodec(columns)
