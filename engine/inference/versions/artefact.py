"""A model's artefact: the files of one immutable version, found, checked and named by their digest.

A folder carries `manifest.json` beside its files: each file's size and sha256. Checking them before the framework sees
them turns a half-copied model into a sentence instead of a crash in native code, and gives the version its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UserError

MANIFEST = "manifest.json"
COMPILED = "__pycache__"
"""What Python puts beside the files that it runs: no part of an artefact."""
MODELS_ROOT = Path(__file__).parents[3] / "models"
"""Where the models that ship live: beside `engine`, in a checkout as in an installed package."""


@dataclass(frozen=True)
class Artefact:
    """One checked version: `sha256` covers all files' names and contents; `size_bytes` is their sum."""

    path: Path
    sha256: str
    size_bytes: int


def locate(artefact: str | Path) -> Path:
    """The folder (or file) that `artefact` means: absolute, or relative to the models that ship."""
    path = Path(artefact)
    return path if path.is_absolute() else MODELS_ROOT / path


def verify(name: str, artefact: str | Path, sha256: str | None = None) -> Artefact:
    """Read and check the artefact of model `name`; `sha256` (if given) is what its digest must be.

    Raises UserError when it is missing, truncated, changed, or not the one that was asked for.
    """
    path = locate(artefact)
    if not path.exists():
        raise UserError(
            f"model {name}: artefact {str(artefact)!r} does not exist",
            detail=f"looked at {path}",
            hint="give an absolute path, or rebuild the models that ship with `make models`",
        )
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file() and _is_part(f))
    root = path.parent if path.is_file() else path
    digests = {f.relative_to(root).as_posix(): _digest(f) for f in files}
    manifest = path / MANIFEST
    if manifest.is_file():
        _compare(name, manifest, digests)
    if not digests:
        raise UserError(f"model {name}: artefact {str(artefact)!r} holds no files", hint="is the copy complete?")
    whole = combined_digest(digests)
    if sha256 is not None and whole != sha256.lower():
        raise UserError(
            f"model {name}: artefact {str(artefact)!r} is not the one that was asked for",
            detail=f"sha256 is {whole}, expected {sha256}",
        )
    return Artefact(path, whole, sum(size for size, _ in digests.values()))


def combined_digest(digests: Mapping[str, tuple[int, str]]) -> str:
    """One sha256 for a folder: of its files' names and digests, in order of names."""
    lines = "".join(f"{digest}  {file}\n" for file, (_, digest) in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _is_part(file: Path) -> bool:
    return file.name != MANIFEST and file.parent.name != COMPILED


def _digest(file: Path) -> tuple[int, str]:
    content = file.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def _compare(name: str, manifest: Path, found: Mapping[str, tuple[int, str]]) -> None:
    expected = _read_manifest(name, manifest)
    for file, entry in expected.items():
        if file not in found:
            raise UserError(f"model {name}: file {file!r} of the artefact is missing", hint="copy the whole folder")
        size, digest = found[file]
        if size != entry["size"]:
            raise UserError(
                f"model {name}: file {file!r} of the artefact is truncated or changed",
                detail=f"it has {size} bytes, its manifest says {entry['size']}",
                hint="copy the artefact again",
            )
        if digest != entry["sha256"]:
            raise UserError(
                f"model {name}: file {file!r} of the artefact is damaged or changed",
                detail=f"sha256 is {digest}, its manifest says {entry['sha256']}",
                hint="copy the artefact again",
            )


def _read_manifest(name: str, manifest: Path) -> dict[str, dict[str, Any]]:
    try:
        files = json.loads(manifest.read_text("utf-8"))["files"]
        return {str(file): {"size": int(e["size"]), "sha256": str(e["sha256"])} for file, e in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"model {name}: {MANIFEST} of the artefact cannot be read", detail=str(error), hint="copy it again"
        ) from error
