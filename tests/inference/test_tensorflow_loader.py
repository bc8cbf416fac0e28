"""TensorFlow's two loaders, and what is said when neither can help."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mergus.engine.errors import EnvironmentFault, UserError
from mergus.engine.inference.providers import tensorflow as tensorflow_loader
from mergus.engine.inference.providers.tensorflow import SavedModel
from mergus.engine.inference.versions.artefact import MODELS_ROOT

CLASSIFY = MODELS_ROOT / "classify" / "artefact"
LINES = {"text": np.array([b"disk failed", b""], dtype=object)}


def test_both_loaders_give_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    new = SavedModel("m", CLASSIFY)

    def refuses(*_: Any) -> None:
        raise ValueError("an old optimizer slot")

    monkeypatch.setattr(tensorflow_loader, "_Version2", refuses)
    old = SavedModel("m", CLASSIFY)
    assert (new.loader, old.loader) == ("v2", "v1")
    assert new.outputs == old.outputs == ("label", "probability")
    first, second = new(LINES), old(LINES)
    assert first["label"].tolist() == second["label"].tolist()
    np.testing.assert_allclose(first["probability"], second["probability"], rtol=1e-6)
    old.unload()
    new.unload()
    with pytest.raises(UserError, match="unloaded"):
        new(LINES)


def test_names_of_inputs_are_checked() -> None:
    with pytest.raises(UserError, match="its inputs are text, not line"):
        SavedModel("m", CLASSIFY).check_inputs(["line"])


def test_what_is_no_model_is_refused_with_both_reasons(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(UserError, match="cannot load") as refused:
        SavedModel("m", tmp_path)
    assert "loader of version 1" in str(refused.value)


def test_without_tensorflow_the_hint_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(tensorflow_loader, "_tensorflow", None)
    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(EnvironmentFault, match="not installed") as refused:
        SavedModel("m", CLASSIFY)
    assert refused.value.hint == "pip install 'mergus[tensorflow]'"
