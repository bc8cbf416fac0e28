"""The artefacts of a registry on disk: brought in, checked, kept a folder a version, and gone when dropped.

`<models>/<name>/<version>/<artefact>` and the file that says which versions answer. A version is copied before it is
looked at, so that what was checked is what will run; a folder that no version in the catalog names is left over from a
crash and is removed at the next start.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...errors import EnvironmentFault, UserError
from ...io.topics import Topics
from ...sql import call_settings
from ...sql.catalog_models import ModelEntry, ModelVersion, call_type
from ...sql.transform import Transform, column_texts
from ...sql.types import Columns
from ..binding import Binding, takes_missing
from ..providers import registry as providers
from . import topic_artefacts
from .artefact import COMPILED
from .inspection import inspect
from .packing import packed_sides
from .routes import ROUTES, folder_of, routes_of, sql_columns
from .topic_artefacts import Sent
from .watched import newest

ERROR_WAYS = (*call_settings.ERROR_WAYS, "dlq")
NULL_WAYS = ("skip", "pass")


@dataclass(frozen=True)
class Wanted:
    """What a CREATE MODEL asks for, its properties read. `inputs` and `outputs` are the artefact's, with `transforms` between
    them and SQL's."""

    name: str
    provider: str
    path: str
    inputs: Columns | None = None
    outputs: Columns | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None
    on_error: str = "null"
    null_input: str = "skip"
    batch_sizes: tuple[int, ...] = ()
    cache_rows: int | None = None
    self_test: str | None = None
    tolerance: float = 1e-4
    isolated: bool = False
    timeout_ms: int | None = None
    watch: bool = False
    promote: bool = False
    topic: str | None = None
    dead_letters: str | None = None
    transforms: Mapping[str, Transform] = field(default_factory=dict)


class ModelStore:
    """The folder `models` of a data folder. `allowed`: where artefacts may be taken from; None for anywhere. `home`: what
    a relative PATH is relative to, None for the process's folder. `topics`: those that bring versions."""

    def __init__(
        self,
        folder: Path,
        *,
        allowed: Sequence[Path] | None,
        code: bool,
        home: Path | None = None,
        topics: Topics | None = None,
    ) -> None:
        self.folder = folder
        self._topics = topics
        self._home = home or Path()
        self._allowed = None if allowed is None else [p.resolve() for p in allowed]
        self._code = code

    def bring(self, wanted: Wanted, number: int, now_ms: int) -> ModelVersion:
        """Copy, check and enter a new version; raises UserError and leaves nothing where it is not fit."""
        remote = wanted.provider in providers.REMOTE
        if not self._code and (remote or wanted.provider == "python"):
            what = "Models on other servers" if remote else "Python functions as models"
            why = "reaches any address that it can" if remote else "runs any Python"
            raise UserError(
                f"{what} are switched off on this server",
                detail=f"it listens beyond this machine, and such a model {why}",
                hint="set functions.inline = true",
            )
        if remote and wanted.topic is not None:
            raise UserError(f"model {wanted.name}: provider {wanted.provider} has no artefact that a topic could bring")
        record = None if wanted.topic is None else self._sent(wanted, wanted.topic)
        if record is not None and record.path is not None:
            wanted = replace(wanted, path=record.path)
        source = None if remote or (record is not None and record.path is None) else self._source(wanted)
        place = self.folder / folder_of(wanted.name) / str(number)
        shutil.rmtree(place, ignore_errors=True)
        try:
            if source is not None:
                copy = _copied(wanted.name, source, place)
            else:
                copy = _address(wanted, place) if record is None else topic_artefacts.placed(wanted.name, record, place)
            if source is not None and record is not None:
                topic_artefacts.check_copy(wanted.name, record, copy)
            return self._entered(wanted, number, now_ms, copy, source, record)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def check(self, name: str, version: ModelVersion) -> None:
        """Load a version again and run its self-test; raises UserError where it is not what it was."""
        binding = Binding.of_json(version.record["binding"])  # type: ignore[arg-type]
        path = self.folder / folder_of(name) / str(version.number) / str(version.record["entry"])
        inspect(
            {
                "name": name,
                "provider": version.provider,
                "path": str(path),
                "options": version.record["options"],
                "inputs": _texts(binding.input_columns),
                "outputs": _texts(binding.output_columns),
                "self_test": version.record["self_test"],
                "tolerance": version.record["tolerance"],
                "sha256": version.sha256,
                **_asked_transforms(version.transforms),
            }
        )

    def publish(self, models: Mapping[str, ModelEntry]) -> None:
        """Say which versions answer from now on, whole or not at all; what no version names is removed."""
        if not models and not (self.folder / ROUTES).exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / (ROUTES + ".new")
        with fresh.open("w") as file:
            json.dump(routes_of(models), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.folder / ROUTES)
        self._sweep(models)

    def discard(self, name: str, number: int) -> None:
        """Take back a version that was brought and is not wanted."""
        place = self.folder / folder_of(name)
        shutil.rmtree(place / str(number), ignore_errors=True)
        if place.exists() and not any(place.iterdir()):
            place.rmdir()

    def _sweep(self, models: Mapping[str, ModelEntry]) -> None:
        """Remove what no version names."""
        kept = {Path(folder_of(m.name)) / str(v.number) for m in models.values() for v in m.versions}
        for place in list(self._places()):
            if place.relative_to(self.folder) not in kept:
                shutil.rmtree(place, ignore_errors=True)
                if not any(place.parent.iterdir()):
                    place.parent.rmdir()

    def _places(self) -> Iterator[Path]:
        for model in self.folder.iterdir() if self.folder.is_dir() else ():
            if model.is_dir():
                yield from (p for p in model.iterdir() if p.is_dir())

    def _source(self, wanted: Wanted) -> Path:
        real = (self._home / Path(wanted.path).expanduser()).resolve()
        if self._allowed is not None and not any(real.is_relative_to(a) for a in self._allowed):
            raise UserError(
                f"model {wanted.name}: {wanted.path!r} lies outside the folders that files may be read from",
                hint="setting files.allowed lists them",
            )
        if not real.exists():
            raise UserError(f"model {wanted.name}: {wanted.path!r} does not exist", hint="PATH is seen from the server")
        return _newest(wanted, real) if wanted.watch else real

    def _sent(self, wanted: Wanted, topic: str) -> Sent:
        """The newest record for the model."""
        if self._topics is None or self._topics.describe(topic) is None:
            raise UserError(
                f"model {wanted.name}: topic {topic} does not exist", hint="TOPIC brings a model's versions"
            )
        at = topic_artefacts.newest(self._topics, topic, wanted.name)
        if at is None:
            raise UserError(
                f"model {wanted.name}: topic {topic} holds no version of it", hint=f"a record of the key {wanted.name}"
            )
        return topic_artefacts.sent(self._topics, topic, at, wanted.provider)

    def _entered(
        self, wanted: Wanted, number: int, now_ms: int, copy: Path, source: Path | None, sent: Sent | None
    ) -> ModelVersion:
        cases = _cases(wanted)
        made = inspect(
            {
                "name": wanted.name,
                "provider": wanted.provider,
                "path": str(copy),
                "options": dict(wanted.options),
                "inputs": _texts(wanted.inputs),
                "outputs": _texts(wanted.outputs),
                "self_test": cases,
                "tolerance": wanted.tolerance,
                "sha256": wanted.sha256,
                **_asked_transforms(wanted.transforms),
            }
        )
        binding = Binding.of_json(made["binding"])
        _check_null_input(wanted, binding)
        remote = wanted.provider in providers.REMOTE  # what is there may change, so nothing of it is remembered unasked
        record = {
            "entry": copy.name,
            "source": str(source) if wanted.watch else wanted.path,
            "watch": str(source.parent) if wanted.watch and source is not None else None,
            "topic": wanted.topic,
            "taken": None if sent is None else list(sent.at),
            "promote": wanted.promote,
            "binding": made["binding"],
            "options": dict(wanted.options),
            "on_error": wanted.on_error,
            "null_input": wanted.null_input,
            "dead_letters": wanted.dead_letters,
            "batch_sizes": list(wanted.batch_sizes),
            "cache_rows": 0 if remote and wanted.cache_rows is None else wanted.cache_rows,
            "self_test": cases,
            "tolerance": wanted.tolerance,
            "isolated": wanted.isolated,
            "timeout_ms": wanted.timeout_ms,
            "loader": made["loader"],
            "load_seconds": made["load_seconds"],
            "transforms": _kept(wanted.transforms),
        }
        version = version_of(number, wanted.provider, made["sha256"], made["size_bytes"], now_ms, binding, record)
        return replace(version, transforms=wanted.transforms)


def version_of(
    number: int, provider: str, sha256: str, size_bytes: int, now_ms: int, binding: Binding, record: Mapping[str, Any]
) -> ModelVersion:
    """A version of its parts, without what is made anew at each start: its transforms."""
    inputs, outputs = sql_columns(binding, record)
    output = call_type(outputs, with_error=record["on_error"] == "error_column")
    return ModelVersion(number, provider, sha256, inputs, outputs, output, size_bytes, now_ms, dict(record))


def version_json(version: ModelVersion) -> dict[str, Any]:
    """A version as the command log keeps it."""
    return {
        "number": version.number,
        "provider": version.provider,
        "sha256": version.sha256,
        "size_bytes": version.size_bytes,
        "created_ms": version.created_ms,
        "record": dict(version.record),
    }


def version_of_json(value: Mapping[str, Any]) -> ModelVersion:
    """The opposite of `version_json`."""
    binding = Binding.of_json(value["record"]["binding"])
    return version_of(
        value["number"],
        value["provider"],
        value["sha256"],
        value["size_bytes"],
        value["created_ms"],
        binding,
        value["record"],
    )


def _texts(columns: Columns | None) -> list[list[str]] | None:
    return None if columns is None else column_texts(columns)


def _kept(transforms: Mapping[str, Transform]) -> dict[str, Any]:
    return {side: transform.as_json() for side, transform in transforms.items()}


def _asked_transforms(transforms: Mapping[str, Transform]) -> dict[str, Any]:
    """What an inspection is told of them: how they read, and how they work."""
    return {"transforms": _kept(transforms), "packed": packed_sides(transforms)}


def _check_null_input(wanted: Wanted, binding: Binding) -> None:
    tensors = binding.input_tensors
    if wanted.null_input == "pass" and not wanted.transforms and not any(map(takes_missing, tensors)):
        raise UserError(
            f"model {wanted.name}: NULL_INPUT = 'pass' wants an input that can be missing",
            detail=f"it takes {', '.join(map(str, tensors))}",
            hint="numbers are NaN where a tensor holds fractions: declare such an input as DOUBLE",
        )


def _cases(wanted: Wanted) -> list[Any]:
    """The self-test: JSON in the statement. Raises UserError where it is none."""
    if wanted.self_test is None:
        return []
    try:
        cases = json.loads(wanted.self_test)
    except ValueError as error:
        raise UserError(f"model {wanted.name}: SELF_TEST is no JSON", detail=str(error)) from error
    if not isinstance(cases, list) or not cases or not all(map(_is_case, cases)):
        raise UserError(
            f"model {wanted.name}: SELF_TEST is a list of cases, each with an input and an output",
            hint='[{"input": {"x": 1}, "output": 2}]',
        )
    return cases


def _is_case(case: Any) -> bool:
    return isinstance(case, dict) and case.get("output", {}) != {}


def _newest(wanted: Wanted, base: Path) -> Path:
    found = newest(base)
    if found is None:
        raise UserError(
            f"model {wanted.name}: {wanted.path!r} holds no version",
            hint="WATCH wants PATH/<number>/, as TF Serving does",
        )
    return found


def _address(wanted: Wanted, place: Path) -> Path:
    """The artefact of a model on another server: a file that says where it is."""
    if not wanted.path.startswith(("http://", "https://")):
        raise UserError(
            f"model {wanted.name}: PATH of provider {wanted.provider} is a URL, not {wanted.path!r}",
            hint="PATH = 'http://host:8500/v2/models/m'",
        )
    place.mkdir(parents=True)
    file = place / "endpoint.json"
    file.write_text(json.dumps({"url": wanted.path}))
    return file


def _copied(name: str, source: Path, place: Path) -> Path:
    """A copy of the artefact under its own name; links that lead out of it are refused."""
    copy = place / (source.name or "artefact")
    try:
        place.mkdir(parents=True)
        if source.is_file():
            shutil.copyfile(source, copy)
            return copy
        for link in (p for p in source.rglob("*") if p.is_symlink()):
            if not link.resolve().is_relative_to(source):
                raise UserError(f"model {name}: {link.relative_to(source)} is a link that leads out of the artefact")
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(COMPILED))
    except OSError as error:
        raise EnvironmentFault(
            f"model {name}: the artefact cannot be copied into the data folder", detail=str(error)
        ) from error
    return copy
