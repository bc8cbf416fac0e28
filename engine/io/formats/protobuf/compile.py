"""A .proto file's text with what it imports, compiled to descriptors in a pool of its own.

The compiler is protoc itself, which grpcio-tools carries: whatever a producer's protoc takes is taken here. It reads files
only, so text and references are laid into a folder that is gone afterwards.
Each schema has its own descriptor pool, because two topics may name different messages alike.
"""

from __future__ import annotations

import base64
import binascii
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from ....errors import AnalysisError, EnvironmentFault, UnknownName
from ...schemas.schema import Resolve, Schema

Descriptor = Any
MAIN = "main.proto"
FOLDER_DEPTH_MAX = 16

_META = """
syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
  repeated Rule rules = 4;
}
message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
"""
# A public import, since schemas in registries use (confluent.field_meta) on a Decimal and import Decimal only.
_DECIMAL = """
syntax = "proto3";
package confluent.type;
import public "confluent/meta.proto";
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
"""
_PARAMS = """
syntax = "proto3";
import "confluent/meta.proto";
message FieldMeta { confluent.Meta field_meta = 1088; }
"""
_OWN = {"confluent/meta.proto": _META, "confluent/type/decimal.proto": _DECIMAL}


@dataclass(frozen=True, eq=False)
class Compiled:
    """A compiled schema: the messages of its own file, outermost first, in the order of the text."""

    text: str
    pool: Any
    file: Descriptor
    parsers: dict[str, Any] = field(default_factory=dict)  # by message name; a pool cannot forget what was added to it

    def message(self, full_name: str | None) -> Descriptor:
        """The message of that full name, else the first one. Raises UnknownName."""
        messages = list(self.file.message_types_by_name.values())
        if not messages:
            raise AnalysisError("the PROTOBUF schema declares no message")
        if full_name is None:
            return messages[0]
        found = next((m for m in self.all_messages() if full_name in (m.full_name, m.name)), None)
        if found is None:
            names = ", ".join(m.full_name for m in messages)
            raise UnknownName(f"the PROTOBUF schema has no message named {full_name}", hint=f"it has {names}")
        return found

    def at(self, indexes: tuple[int, ...]) -> Descriptor | None:
        """The message that a record's message indexes point at: one index a level of nesting."""
        inside = list(self.file.message_types_by_name.values())
        found = None
        for index in indexes:
            if not 0 <= index < len(inside):
                return None
            found = inside[index]
            inside = list(found.nested_types)
        return found

    def indexes(self, message: Descriptor) -> tuple[int, ...]:
        """The way to a message, as `at` reads it."""
        outer = message.containing_type
        siblings = self.file.message_types_by_name.values() if outer is None else outer.nested_types
        place = [m.full_name for m in siblings].index(message.full_name)
        return (*(() if outer is None else self.indexes(outer)), place)

    def all_messages(self) -> Iterator[Descriptor]:
        """Every message of the file, a message before those inside it."""
        waiting = list(self.file.message_types_by_name.values())
        while waiting:
            message = waiting.pop(0)
            yield message
            waiting = [*message.nested_types, *waiting]


def compiled(schema: Schema, resolve: Resolve) -> Compiled:
    """Compile a schema with all that it refers to. Raises AnalysisError with protoc's reason and place."""
    files: dict[str, str] = {}
    _gather(schema, resolve, files)
    return _compiled(schema.text, tuple(sorted(files.items())))


def params(of: Descriptor) -> dict[str, str]:
    """The parameters of a field's (confluent.field_meta) option: a decimal's precision and scale."""
    options = of.GetOptions().SerializeToString()
    return dict(_field_meta().FromString(options).field_meta.params) if options else {}


def _gather(schema: Schema, resolve: Resolve, files: dict[str, str]) -> None:
    for reference in schema.references:
        parts = pathlib.PurePosixPath(reference.name).parts
        if not parts or ".." in parts or parts[0] == "/" or "\\" in reference.name or len(parts) > FOLDER_DEPTH_MAX:
            raise AnalysisError(f"a PROTOBUF reference cannot be named {reference.name!r}")
        if reference.name not in files:
            found = resolve(reference)
            files[reference.name] = found.text
            _gather(found, resolve, files)


@cache
def _field_meta() -> Any:
    file = _compiled(_PARAMS, ()).file
    return message_factory.GetMessageClass(file.message_types_by_name["FieldMeta"])


@cache
def _includes() -> tuple[pathlib.Path, ...]:
    """Where google/protobuf/*.proto and google/type/*.proto lie."""
    own, types = importlib.util.find_spec("grpc_tools"), importlib.util.find_spec("google.type")
    if own is None or types is None or own.origin is None or not types.submodule_search_locations:
        raise EnvironmentFault("the PROTOBUF formats need the packages grpcio-tools and googleapis-common-protos")
    return pathlib.Path(own.origin).parent / "_proto", pathlib.Path(types.submodule_search_locations[0]).parents[1]


@lru_cache(256)
def _compiled(text: str, references: tuple[tuple[str, str], ...]) -> Compiled:
    others = {**_OWN, **dict(references)}
    pool = descriptor_pool.DescriptorPool()
    try:
        for file in _descriptors(text, others):
            pool.Add(file)  # in the order of dependency
        return Compiled(text, pool, pool.FindFileByName(MAIN))
    except (TypeError, KeyError) as why:
        raise AnalysisError("the PROTOBUF schema cannot be compiled", detail=str(why)) from None


def _descriptors(text: str, others: dict[str, str]) -> list[Any]:
    """The files of a schema, each after those it imports, its own last."""
    own = _from_base64(text)
    if own is None:
        return list(_protoc({**others, MAIN: text}, [MAIN]))
    files: dict[str, Any] = {}
    _gather_serialized(own, others, files)
    own.name = MAIN
    return [*files.values(), own]


def _from_base64(text: str) -> Any:
    """A file descriptor, where a schema is one in base64 as Confluent's Python serialiser registers it, else None."""
    if not _BASE64.match(text):
        return None
    try:
        return descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(text))
    except (binascii.Error, DecodeError):
        return None


def _gather_serialized(file: Any, others: dict[str, str], files: dict[str, Any]) -> None:
    for name in file.dependency:
        if name in files:
            continue
        imported = _from_base64(others.get(name, ""))
        if imported is None:
            for found in _protoc({n: t for n, t in others.items() if _from_base64(t) is None}, [name]):
                files.setdefault(found.name, found)
        else:
            imported.name = name
            _gather_serialized(imported, others, files)
            files[name] = imported


def _protoc(files: dict[str, str], targets: list[str]) -> Any:
    """The descriptors of `targets` and of what they import. The compiler runs in a process of its own: beside TensorFlow's
    copy of the same library it takes the process down."""
    with tempfile.TemporaryDirectory(prefix="mergus-proto-") as name:
        folder = pathlib.Path(name)
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        out = folder / "out.descriptors"
        flags = [*(f"-I{path}" for path in (folder, *_includes())), "--include_imports"]
        command = [sys.executable, "-P", "-m", "grpc_tools.protoc", *flags, f"--descriptor_set_out={out}", *targets]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise AnalysisError("the PROTOBUF schema cannot be compiled", detail=_reason(made.stderr))
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file


_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}\s*\Z")
_ERROR = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<what>.*)$", re.M)


def _reason(told: str) -> str:
    said = [f"line {m['line']}: {m['what']}" for m in _ERROR.finditer(told)]
    return "; ".join(dict.fromkeys(said)) or told.strip()
