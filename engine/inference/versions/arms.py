"""Which version answers a row: by its number, by an alias, or by the arm of a split that the hash of its key chooses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ...errors import UserError
from ...sql.catalog_models import DEFAULT_ALIAS
from .registered import RegisteredModel


def version_numbers(
    model: RegisteredModel, route: Mapping[str, Any], columns: Sequence[pa.Array]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The version of each row."""
    aliases, rows = route["aliases"], len(columns[0])
    if model.reference.startswith("$"):
        return np.full(rows, int(model.reference[1:]))
    if model.reference.startswith("@"):
        return np.full(rows, aliased(model, aliases, model.reference[1:]))
    if not route["arms"]:
        return np.full(rows, aliased(model, aliases, DEFAULT_ALIAS))
    names = [name for name, _ in model.inputs]
    given = dict(zip((*names, *model.keys), columns, strict=False))
    by = route["by"] or names
    if any(key not in given for key in by):  # asked from outside SQL, where there is no such column
        return np.full(rows, aliased(model, aliases, DEFAULT_ALIAS))
    salt = [pa.repeat(pa.scalar(route["salt"]), rows)] if route.get("salt") else []
    arms = [(aliased(model, aliases, alias), share) for alias, share in route["arms"]]
    return split_rows([*salt, *(given[key] for key in by)], arms)


def may_answer(model: RegisteredModel, route: Mapping[str, Any]) -> set[int]:
    """The versions that a row may get."""
    if model.reference.startswith("$"):
        return {int(model.reference[1:])}
    arms = [] if model.reference else [alias for alias, _ in route["arms"]]
    return {aliased(model, route["aliases"], alias) for alias in arms or [model.reference[1:] or DEFAULT_ALIAS]}


def aliased(model: RegisteredModel, aliases: Mapping[str, int], alias: str) -> int:
    """The version that an alias points at."""
    if alias not in aliases:
        raise UserError(f"model {model.name} has no alias {alias} any more")
    return aliases[alias]


def split_rows(keys: Sequence[pa.Array], arms: Sequence[tuple[int, int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The arm of each row by the hash of its key: equal keys go one way, in every batch, at every replay, and in every
    model that is split alike."""
    total = sum(share for _, share in arms)
    bounds = np.cumsum([share for _, share in arms])
    choices: dict[bytes, int] = {}
    numbers = np.empty(len(keys[0]), dtype=np.int64)
    # A loop: the hash must be a stable one, which Arrow does not offer; a key is hashed once a batch.
    for row, key in enumerate(zip(*(_key_texts(k) for k in keys), strict=True)):
        text = "\x1f".join("" if part is None else part for part in key).encode()
        chosen = choices.get(text)
        if chosen is None:
            place = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") * total >> 64
            chosen = choices[text] = arms[int(np.searchsorted(bounds, place, side="right"))][0]
        numbers[row] = chosen
    return numbers


def _key_texts(column: pa.Array) -> list[str | None]:
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return [None if v is None else repr(v) for v in column.to_pylist()]
    texts: list[str | None] = column.cast(pa.string()).to_pylist()
    return texts
