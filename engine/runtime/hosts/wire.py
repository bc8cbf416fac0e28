"""Plans between processes: what a host needs to run a query, as bytes.

A plan holds functions. Those of the engine travel by name; a user's with the text of its module (sql/udf/modules.py). A
model function travels once: hosts keep it under the hash of its bytes, so that two queries that use it load one model.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from typing import Any

import pyarrow as pa

from ...inference.model_function import ModelFunction
from ...sql.udf.modules import Pickler, dumps

_models: dict[str, ModelFunction] = {}


class _Pickler(Pickler):
    def persistent_id(self, obj: Any) -> tuple[str, bytes] | None:
        if not isinstance(obj, ModelFunction):
            return None
        content = dumps(obj)
        return hashlib.sha256(content).hexdigest(), content


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: tuple[str, bytes]) -> ModelFunction:
        digest, content = pid
        if digest not in _models:
            _models[digest] = pickle.loads(content)  # from the server, over its own pipe
        return _models[digest]


def pack(value: Any) -> bytes:
    """A plan (or a pull plan) as bytes."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return buffer.getvalue()


def unpack(content: bytes) -> Any:
    """What `pack` was given. Only for bytes that the server of this data folder made."""
    return _Unpickler(io.BytesIO(content)).load()


def table_bytes(table: pa.Table) -> bytes:
    """A table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def table_of(content: bytes) -> pa.Table:
    """The table in an Arrow IPC stream."""
    return pa.ipc.open_stream(content).read_all()
