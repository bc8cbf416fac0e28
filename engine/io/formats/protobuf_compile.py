"""A .proto file's text with what it imports, compiled to descriptors in a pool of its own.

The compiler is protoc itself, called inside this process (grpcio-tools carries it as a library): whatever a producer's
protoc takes is taken here. It reads files only, so text and references are laid into a folder that is gone afterwards.
Each schema has its own descriptor pool, because two topics may name different messages alike.
"""

from __future__ import annotations

import importlib.util
import pathlib
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ...errors import AnalysisError, EnvironmentFault, UnknownName
from ..schemas.schema import Resolve, Schema

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
_compiling = threading.Lock()  # protoc keeps global state


@dataclass(frozen=True, eq=False)
class Compiled:
    """A compiled schema: the messages of its own file, outermost first, in the order of the text."""

    text: str
    pool: Any
    file: Descriptor

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


def params(field: Descriptor) -> dict[str, str]:
    """The parameters of a field's (confluent.field_meta) option: a decimal's precision and scale."""
    options = field.GetOptions().SerializeToString()
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
def _includes() -> tuple[bytes, ...]:
    """Where google/protobuf/*.proto and google/type/*.proto lie."""
    own, types = importlib.util.find_spec("grpc_tools"), importlib.util.find_spec("google.type")
    if own is None or types is None or own.origin is None or not types.submodule_search_locations:
        raise EnvironmentFault("the PROTOBUF formats need the packages grpcio-tools and googleapis-common-protos")
    return bytes(pathlib.Path(own.origin).parent / "_proto"), bytes(
        pathlib.Path(types.submodule_search_locations[0]).parents[1]
    )


@cache
def _compiled(text: str, references: tuple[tuple[str, str], ...]) -> Compiled:
    descriptors = _protoc(text, {**_OWN, **dict(references)})
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)  # in the order of dependency, as protoc writes them
    return Compiled(text, pool, pool.FindFileByName(MAIN))


def _protoc(text: str, others: dict[str, str]) -> Any:
    from grpc_tools import _protoc_compiler

    with _compiling, tempfile.TemporaryDirectory(prefix="mergus-proto-") as name:
        folder = pathlib.Path(name)
        for path, content in {**others, MAIN: text}.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        includes = (bytes(folder), *_includes())
        try:
            # Only this call says what is wrong, only the next one gives descriptors.
            _protoc_compiler.get_protos(MAIN.encode(), list(includes))
        except Exception as why:  # noqa: BLE001 - the compiler's own error has no public type
            raise AnalysisError("the PROTOBUF schema cannot be compiled", detail=_reason(why)) from None
        out = folder / "out.descriptors"
        flags = [b"-I" + i for i in includes]
        asked = [b"protoc", *flags, b"--include_imports", b"--descriptor_set_out=" + bytes(out), MAIN.encode()]
        if _protoc_compiler.run_main(asked):
            raise AnalysisError("the PROTOBUF schema cannot be compiled")
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


_ERROR = re.compile(
    r"filename=\"b?'?(?P<file>.*?)'?\", line=(?P<line>-?\d+), column=(?P<column>-?\d+), message=\"b'?(?P<what>.*?)'?\"\)",
    re.S,
)


def _reason(why: Exception) -> str:
    said = [f"line {int(m['line']) + 1}: {m['what']}" for m in _ERROR.finditer(str(why) + repr(why))]
    return "; ".join(dict.fromkeys(said)) or str(why)
