"""A model on another server, over gRPC: messages made of tables of field numbers, and calls by the method's path.

Nothing is generated: a protocol's few messages are declared where they are spoken, in a pool of their own, so that they do
not meet those that TensorFlow brings under the same names. One channel is one connection for all threads, which gRPC opens
again where it broke; waiting, trying again and the breaker are `remote.Asking`'s, as over HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ...errors import EnvironmentFault, RecordError, UserError
from ..program import Source
from .registry import library
from .remote import Asking, Unavailable

_KINDS = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bool": _KINDS.TYPE_BOOL,
    "bytes": _KINDS.TYPE_BYTES,
    "double": _KINDS.TYPE_DOUBLE,
    "float": _KINDS.TYPE_FLOAT,
    "int32": _KINDS.TYPE_INT32,
    "int64": _KINDS.TYPE_INT64,
    "string": _KINDS.TYPE_STRING,
    "uint32": _KINDS.TYPE_UINT32,
    "uint64": _KINDS.TYPE_UINT64,
}
_LATER = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN")
"""The statuses that are not the rows' fault."""
_REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "UNIMPLEMENTED")
"""Nor are these; asking again is of no use."""
_TOO_LARGE = "larger than max"
"""What gRPC says of a message that the server does not take for its size: fewer rows may do."""
Fields = Sequence[str]
"""`name type number`, with `*` behind the type where it repeats; a type that is no scalar is another message."""


def messages(package: str, declared: Mapping[str, Fields]) -> dict[str, Any]:
    """Classes of messages by name, of their fields. A map is declared as what it is on the wire: entries that repeat, of
    `key` 1 and `value` 2."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in declared.items():
        message = file.message_type.add(name=name)
        for field in fields:
            label, kind, number = field.split()
            made = message.field.add(name=label, number=int(number), label=_KINDS.LABEL_OPTIONAL)
            if kind.endswith("*"):
                made.label = _KINDS.LABEL_REPEATED
            scalar = kind.rstrip("*")
            if scalar in _TYPES:
                made.type = _TYPES[scalar]
            else:
                made.type, made.type_name = _KINDS.TYPE_MESSAGE, f".{package}.{scalar}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{n}")) for n in declared}


class GrpcEndpoint:
    """One server's methods. Safe to share between threads. PATH's scheme says whether the connection is encrypted."""

    def __init__(self, source: Source, *, asking: Asking | None = None) -> None:
        self._asking = asking or Asking(source)
        grpc: Any = library("grpc")
        where = urlsplit(self._asking.url)
        self.path = where.path
        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        if where.scheme == "https":
            self._channel = grpc.secure_channel(where.netloc, grpc.ssl_channel_credentials(), limits)
        else:
            self._channel = grpc.insecure_channel(where.netloc, limits)
        self._failed: type[Exception] = grpc.RpcError
        token = self._asking.token
        self._metadata = None if token is None else (("authorization", token),)

    def call(self, method: str, request: Any, answer: Any) -> Any:
        """What a method (`/package.Service/Method`) answers to a message, of the class `answer`. Raises EnvironmentFault, or
        RecordError for a refusal."""
        called = self._channel.unary_unary(
            method, request_serializer=type(request).SerializeToString, response_deserializer=answer.FromString
        )
        return self._asking.until_answered(lambda: self._attempt(called, request))

    def close(self) -> None:
        """End the connection."""
        self._channel.close()

    def _attempt(self, called: Any, request: Any) -> Any:
        try:
            return called(request, timeout=self._asking.timeout_s, metadata=self._metadata)
        except self._failed as error:
            failed: Any = error
            status = failed.code().name
            said = f"{status} {str(failed.details())[:200]}"
            if status in _REFUSED:
                hint = "'remote.token.env' names a token" if status in _REFUSED[:2] else "is PATH right?"
                name = self._asking.name
                raise EnvironmentFault(
                    f"model {name}: its server refuses: {said}", detail=self.path, hint=hint
                ) from error
            if status in _LATER and _TOO_LARGE not in said:
                raise Unavailable(said) from error
            raise RecordError(f"the model's server refuses: {said}") from error


def named_model(path: str, root: str, source: Source) -> tuple[str, str, str]:
    """The model, version and label of a PATH as REST has it: `/v2/models/m/versions/3`, `/v1/models/m/labels/canary`."""
    parts = path.strip("/").split("/")
    if (
        parts[:2] != [root, "models"]
        or len(parts) not in (3, 5)
        or (len(parts) == 5 and parts[3] not in ("versions", "labels"))
    ):
        raise UserError(
            f"model {source.name}: PATH does not say which model it is: {path!r}",
            hint=f"http://host:port/{root}/models/m[/versions/3]",
        )
    told = dict([parts[3:5]]) if len(parts) == 5 else {}
    return parts[2], told.get("versions", ""), told.get("labels", "")
