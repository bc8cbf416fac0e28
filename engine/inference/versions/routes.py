"""The file that says which versions answer, and one version of it as the runtime knows models.

The server writes it whole and renames it into place (`versions.py`); whoever runs models reads it (`routing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...sql.catalog_models import ModelEntry, ModelVersion, call_type
from ...sql.transform import INPUT, OUTPUT, kept_transforms
from ...sql.types import Columns
from ..binding import Binding
from ..model_function import ModelFunction
from .packing import packed_sides

ROUTES = "routes.json"


@dataclass(frozen=True)
class NumberedVersion:
    """A version of a model of a registry in `folder`, and what the file says of it."""

    model: str
    folder: str
    number: str
    route: Mapping[str, Any]


def folder_of(name: str) -> str:
    """A model's folder, whatever its name holds."""
    return quote(name, safe="").replace(".", "%2E")


def routes_of(models: Mapping[str, ModelEntry]) -> dict[str, Any]:
    """What the file says."""
    return {
        name: {
            "aliases": dict(entry.aliases),
            "arms": [] if entry.split is None else [list(arm) for arm in entry.split.arms],
            "by": [] if entry.split is None else list(entry.split.by),
            "salt": "" if entry.split is None else entry.split.salt,
            "event": entry.routing_event,
            "shadow": None if entry.shadow is None else asdict(entry.shadow),
            "monitor": None if entry.monitor is None else asdict(entry.monitor),
            "versions": {str(v.number): route_of(entry.name, v) for v in entry.versions},
        }
        for name, entry in models.items()
    }


def route_of(name: str, version: ModelVersion) -> dict[str, Any]:
    """What the file says of a version."""
    place = f"{folder_of(name)}/{version.number}/{version.record['entry']}"
    return {
        "provider": version.provider,
        "sha256": version.sha256,
        "artefact": place,
        "record": dict(version.record),
        "transforms": packed_sides(version.transforms),
    }


def version_function(name: str, folder: Path, number: str, route: Mapping[str, Any]) -> ModelFunction:
    """One version as the runtime knows models."""
    record = route["record"]
    binding = Binding.of_json(record["binding"])
    inputs, outputs = sql_columns(binding, record)
    transforms = route.get("transforms", {})
    return ModelFunction(
        name=name,
        artefact=folder / route["artefact"],
        inputs=dict(inputs),
        output=call_type(outputs, with_error=False),
        prepare=binding.prepare,
        finish=binding.fields if OUTPUT in transforms else binding.finish,
        by_row=binding.by_row if binding.gives_sparse else None,
        version=number,
        sha256=route["sha256"],
        batch_sizes=tuple(record.get("batch_sizes", ())),
        provider=route["provider"],
        options={"provider": route["provider"], **record.get("options", {})},
        declared=(binding.input_tensors, binding.output_tensors),
        cache_rows=record.get("cache_rows"),
        isolated=record.get("isolated", False),
        timeout_ms=record.get("timeout_ms"),
        takes_null=record.get("null_input") == "pass",
        before=transforms.get(INPUT),
        after=transforms.get(OUTPUT),
    )


def sql_columns(binding: Binding, record: Mapping[str, Any]) -> tuple[Columns, Columns]:
    """A version's inputs and outputs as SQL sees them: the artefact's, or what a TRANSFORM takes and gives."""
    kept = kept_transforms(record)
    inputs = kept[INPUT].takes if INPUT in kept else binding.input_columns
    return inputs, kept[OUTPUT].gives if OUTPUT in kept else binding.output_columns
