"""Mergus from Python on a server elsewhere: the same statements and answers as `connection.py`, over HTTP.

Rows come as Arrow, so that types arrive as they left. SET and DEFINE are kept here and go along with each request: the
server knows no sessions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa

from ...errors import EnvironmentFault, MergusError, UserError
from ...runtime.pull.scan import Pieces, Tables
from ...sql.parser.parse import parse_statement, split_statements
from ..http.answers import SERVER_ERROR
from ..json_rows import row_text
from ..results import Done, Listing
from ..session import Session
from .answers import Given, PullRows, PushRows, Statements

ARROW = "application/vnd.apache.arrow.stream"


class HttpClient:
    """Requests to one server, a connection each."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"{url!r} is no server's URL", hint="for example http://127.0.0.1:8088")
        self.url = url
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")

    def open(self, path: str, body: bytes | None, accept: str = "application/json") -> HTTPResponse:
        """The response, to be read and closed. Raises the MergusError that the server answers, or EnvironmentFault."""
        made = (HTTPSConnection if self._secure else HTTPConnection)(self._host, self._port)
        headers = {"Content-Type": "application/json", "Accept": accept, "Connection": "close"}
        try:
            made.request("GET" if body is None else "POST", self._prefix + path, body, headers)
            response = made.getresponse()
        except (OSError, HTTPException) as why:
            raise EnvironmentFault(
                f"no server answers at {self.url}", detail=str(why), hint="start one: mergus server"
            ) from None
        if response.status >= 400:
            raise refusal(response.status, response.read())
        return response

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer to a JSON object (or to GET)."""
        with self.open(path, None if body is None else json.dumps(body).encode()) as response:
            return json.loads(response.read())


def refusal(status: int, body: bytes) -> MergusError:
    """The error that an answer tells."""
    try:
        message = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answers with status {status}, without words"
    return (UserError if status < 500 else EnvironmentFault if status == 503 else MergusError)(message)


def _refused(ack: Mapping[str, Any]) -> MergusError:
    kind = EnvironmentFault if ack["error_code"] >= SERVER_ERROR else UserError
    return kind(ack["message"])


class RemoteConnection(Statements):
    """A server of Mergus. Safe to share between threads, but for SET and DEFINE."""

    def __init__(self, url: str) -> None:
        self.client = HttpClient(url)
        self.session = Session()
        self.client.ask("/info")

    def results(self, sql: str, *, from_beginning: bool = False) -> Iterator[Given]:
        """Carry out statements, one at a time as the iterator is asked; raises the first refusal."""
        for piece in split_statements(sql):
            word = piece.text.split(None, 1)[0].upper()
            if word in ("SELECT", "WITH", "PRINT"):
                yield self._select(piece.text, from_beginning)
            elif word in ("SET", "UNSET", "DEFINE", "UNDEFINE"):
                yield self._remember(piece.text)
            else:
                for entity in self.client.ask("/ksql", {"ksql": f"{piece.text};", **self._along()}):
                    yield result_of(entity, piece.text)

    def _along(self) -> dict[str, Any]:
        properties, variables = self.session.properties, self.session.variables
        return {"streamsProperties": properties, "sessionVariables": variables, "forPeople": True}

    def _remember(self, text: str) -> Done:
        answer = self.session.answer(parse_statement(text), text)
        assert answer is not None  # the word that it begins with says that it is of the session
        return answer

    def _select(self, text: str, from_beginning: bool) -> PullRows | PushRows:
        along = self._along()
        if from_beginning:
            along["streamsProperties"] = {**self.session.properties, "auto.offset.reset": "earliest"}
        response = self.client.open("/query-stream", json.dumps({"sql": text, **along}).encode(), ARROW)
        stream = pa.ipc.open_stream(pa.PythonFile(response, mode="r"))
        about = stream.schema.metadata or {}
        tables = _tables(stream, response)
        if about.get(b"push") != b"true":
            pieces = Pieces(tables)

            def stop() -> None:
                pieces.close()
                response.close()  # where nothing has been read yet

            return PullRows(stream.schema.remove_metadata(), pieces, stop)
        query_id = about[b"query_id"].decode()
        return PushRows(stream.schema.remove_metadata(), tables, lambda: self._end(query_id))

    def _end(self, query_id: str) -> None:
        try:
            self.client.ask("/close-query", {"queryId": query_id})
        except UserError:
            return  # it has ended already
        except ValueError:
            return  # an empty answer says that it is done

    def _write(self, target: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[MergusError | None]:
        body = "\n".join(row_text(line) for line in [{"target": target}, *rows]).encode()
        with self.client.open("/inserts-stream", body) as response:
            acks = [json.loads(line) for line in response]
        return [None if ack["status"] == "ok" else _refused(ack) for ack in acks]

    def register(self, function: object) -> None:
        """Functions live in the server: this raises UserError."""
        raise UserError(
            "a server elsewhere does not know this process's functions",
            hint="give the server the file with --setting functions=DIR, or use CREATE FUNCTION",
        )

    def close(self) -> None:
        """Nothing stays open between requests."""

    def __enter__(self) -> RemoteConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _tables(stream: pa.RecordBatchStreamReader, response: HTTPResponse) -> Tables:
    with response:
        while True:
            try:
                batch, about = stream.read_next_batch_with_custom_metadata()
            except StopIteration:
                return
            except (OSError, pa.ArrowInvalid, HTTPException) as why:
                raise EnvironmentFault("the server's answer broke off", detail=str(why)) from None
            if about is not None and b"error" in dict(about):
                raise refusal(503, dict(about)[b"error"])
            if batch.num_rows:
                yield pa.Table.from_batches([batch]).replace_schema_metadata(None)


def result_of(entity: Mapping[str, Any], statement: str) -> Done | Listing:
    """What an entity of /ksql says."""
    status = entity.get("commandStatus")
    warnings = tuple(str(w["message"]) for w in entity.get("warnings", ()))
    if isinstance(status, dict):
        kind, name, action = str(entity["commandId"]).split("/", 2)
        made = (kind, name.strip("`"), action)
        return Done(
            statement, status["message"], made, status.get("queryId"), entity.get("commandSequenceNumber", -1), warnings
        )
    if entity.get("@type") == "generic":
        return Done(statement, str(entity["message"]), warnings=warnings)
    body = {k: v for k, v in entity.items() if k not in ("@type", "statementText", "warnings", "forPeople")}
    shown = entity.get("forPeople") or {}
    rows = tuple(map(tuple, shown.get("rows", ())))
    columns, text = tuple(shown.get("columns", ())), shown.get("text", "")
    return Listing(statement, str(entity["@type"]), body, columns, rows, text, warnings)
