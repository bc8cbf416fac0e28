"""TRANSFORM of a model as its version keeps it: what makes the artefact's inputs of a call's arguments, and the answer of the
artefact's outputs. How the expressions are typed is in `typing/transform.py`, which the look at an artefact need not load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .types import Columns, parse_type, quote_if_needed

if TYPE_CHECKING:
    from .expressions import Expr

INPUT, OUTPUT = "INPUT", "OUTPUT"
"""The two sides of an artefact."""


@dataclass(frozen=True)
class Transform:
    """Expressions over the columns `takes` that make the columns `gives`: their texts as they were written. The typed ones
    are not in a version's record: they are made anew of the statement at each start."""

    takes: Columns
    gives: Columns
    texts: tuple[str, ...]
    expressions: tuple[Expr, ...] = ()

    def __str__(self) -> str:
        named = [(text, quote_if_needed(name)) for text, (name, _) in zip(self.texts, self.gives, strict=True)]
        return ", ".join(name if text == name else f"{text} AS {name}" for text, name in named)

    def as_json(self) -> dict[str, Any]:
        """What a version's record keeps."""
        return {"takes": column_texts(self.takes), "gives": column_texts(self.gives), "texts": list(self.texts)}

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Transform:
        """The opposite of `as_json`, without typed expressions."""
        return cls(columns_of_texts(value["takes"]), columns_of_texts(value["gives"]), tuple(value["texts"]))


def column_texts(columns: Columns) -> list[list[str]]:
    """Columns as JSON values."""
    return [[name, str(kind)] for name, kind in columns]


def columns_of_texts(given: Sequence[Sequence[str]]) -> Columns:
    """The opposite of `column_texts`."""
    return tuple((name, parse_type(kind)) for name, kind in given)


def kept_transforms(record: Mapping[str, Any]) -> dict[str, Transform]:
    """What a version's record says of its TRANSFORMs, by side."""
    return {side: Transform.of_json(value) for side, value in record.get("transforms", {}).items()}
