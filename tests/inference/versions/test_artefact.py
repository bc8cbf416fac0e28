"""An artefact that is missing, cut short, changed or not the one asked for is refused in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mergus.engine.errors import UserError
from mergus.engine.inference.versions.artefact import MODELS_ROOT, verify


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MODELS_ROOT / "classify" / "artefact", tmp_path / "artefact"))


def test_a_whole_artefact_is_named_by_its_digest(artefact: Path) -> None:
    first = verify("m", artefact)
    assert first.sha256 == verify("m", "classify/artefact").sha256
    assert verify("m", artefact, first.sha256.upper()).size_bytes == first.size_bytes > 100_000


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        verify("m", tmp_path / "nothing")


def test_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no files"):
        verify("m", tmp_path)


def test_truncated(artefact: Path) -> None:
    file = artefact / "saved_model.pb"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(UserError, match="truncated") as refused:
        verify("m", artefact)
    assert "its manifest says" in str(refused.value)


def test_changed(artefact: Path) -> None:
    file = artefact / "saved_model.pb"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="damaged or changed"):
        verify("m", artefact)


def test_a_file_of_the_manifest_is_missing(artefact: Path) -> None:
    (artefact / "saved_model.pb").unlink()
    with pytest.raises(UserError, match="is missing"):
        verify("m", artefact)


def test_another_than_was_asked_for(artefact: Path) -> None:
    with pytest.raises(UserError, match="not the one that was asked for"):
        verify("m", artefact, "0" * 64)


@pytest.mark.parametrize("manifest", ["{", "[]", json.dumps({"files": {"a": {}}})])
def test_a_manifest_that_is_none(artefact: Path, manifest: str) -> None:
    (artefact / "manifest.json").write_text(manifest)
    with pytest.raises(UserError, match=r"manifest.json of the artefact cannot be read"):
        verify("m", artefact)
