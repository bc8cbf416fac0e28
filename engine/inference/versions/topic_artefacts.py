"""Versions of models that come through a topic: a record is an artefact of one file, or says where one lies.

The key is the model's name, in any case; a record without one is for every model that looks at the topic. The value is the file
itself, its name in the header `file` and its sha256 in `sha256` where they are wanted, or the JSON object
`{"path": …, "sha256": …}`, where the sha256 must be given: what lies at a path may change, what was meant does not.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UserError
from ...io.bounded import records_until
from ...io.topics import Topics
from .artefact import verify

_USUAL = {
    "graphdef": "model.pb",
    "keras": "model.keras",
    "onnx": "model.onnx",
    "openvino": "model.onnx",
    "python": "model.py",
    "sklearn": "model.skops",
    "tflite": "model.tflite",
    "torchscript": "model.pt",
    "torch_export": "model.pt2",
}
"""What a file is called whose record does not say."""


class At(NamedTuple):
    """Where a record lies. A later record is larger."""

    timestamp: int
    partition: int
    offset: int


@dataclass(frozen=True)
class Sent:
    """A record: the file `content`, or the `path` where an artefact lies. `sha256`: of the file (or folder), where it is told."""

    at: At
    file: str
    sha256: str | None
    content: bytes = b""
    path: str | None = None


def newest(topics: Topics, topic: str, model: str) -> At | None:
    """The last record for a model, None where there is none."""
    name = model.upper()
    found: list[At] = []
    for batch in records_until(topics, topic, topics.begin_offsets(topic), ("key", "timestamp")):
        columns = (batch.column(c).to_pylist() for c in ("timestamp", "partition", "offset", "key"))
        found.extend(
            At(*where)
            for *where, key in zip(*columns, strict=True)
            if key is None or key.decode("utf-8", "replace").upper() == name
        )
    return max(found, default=None)


def sent(topics: Topics, topic: str, at: At, provider: str) -> Sent:
    """The record there. Raises UserError for one that is neither a file nor says where one is."""
    with closing(records_until(topics, topic, {at.partition: at.offset}, ("value", "headers"), rows_max=1)) as batches:
        first = next(batches, None)
    found: list[dict[str, Any]] = [] if first is None else first.slice(0, 1).to_pylist()
    if not found or found[0]["offset"] != at.offset or not found[0]["value"]:
        raise UserError(f"topic {topic} holds no artefact at offset {at.offset} of partition {at.partition}")
    headers = {h["key"]: (h["value"] or b"").decode("utf-8", "replace") for h in found[0]["headers"] or ()}
    value: bytes = found[0]["value"]
    pointer = _pointer(value)
    if pointer is None:
        file = Path(headers.get("file", "")).name or _USUAL.get(provider, "model")
        return Sent(at, file, headers.get("sha256"), content=value)
    if not pointer.get("sha256"):
        raise UserError(f"topic {topic} names {pointer['path']!r} without its sha256", hint='{"path": …, "sha256": …}')
    return Sent(at, Path(pointer["path"]).name, str(pointer["sha256"]), path=str(pointer["path"]))


def placed(name: str, record: Sent, folder: Path) -> Path:
    """The file that a record is, written into a folder; raises UserError where it is not what its sha256 says."""
    if record.sha256 is not None:
        check(name, record.sha256, hashlib.sha256(record.content).hexdigest())
    folder.mkdir(parents=True)
    file = folder / record.file
    file.write_bytes(record.content)
    return file


def check_copy(name: str, record: Sent, copy: Path) -> None:
    """Raise UserError where the artefact that a record points at is not the one that it means: a file's sha256 may be
    the file's own, or the one that SHOW CREATE MODEL tells, which is also a folder's."""
    wanted = (record.sha256 or "").lower()
    if copy.is_file() and wanted == hashlib.sha256(copy.read_bytes()).hexdigest():
        return
    check(name, wanted, verify(name, copy.absolute()).sha256)


def check(name: str, wanted: str, found: str) -> None:
    """Raise UserError where two digests differ."""
    if wanted.lower() != found:
        raise UserError(
            f"model {name}: the artefact that the topic brings is not the one it means",
            detail=f"sha256 is {found}, expected {wanted}",
        )


def _pointer(value: bytes) -> dict[str, Any] | None:
    if value.lstrip()[:1] != b"{":
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("path"), str) else None
