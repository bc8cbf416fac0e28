"""A model without a framework: doubles numbers, counts what it is asked, and refuses what it is told to refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from mergus.engine.inference import runtime


class FakeModel:
    """Stands in for `SavedModel`; `asked` holds the rows of every call."""

    asked: ClassVar[list[list[Any]]] = []
    refuses: ClassVar[set[Any]] = set()

    def __init__(self, name: str, path: Path, **_: Any) -> None:
        self.name, self.path = name, path
        self.inputs = {"x": None, "y": None}
        self.outputs = ("z",)

    def check_inputs(self, names: Any) -> None:
        pass

    def __call__(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = tensors["x"]
        FakeModel.asked.append(values.tolist())
        for value in values.tolist():
            if (tuple(value) if isinstance(value, list) else value) in FakeModel.refuses:
                raise ValueError(f"cannot take {value}")
        if "y" in tensors:
            return {"z": values * 10 + tensors["y"]}
        return {"z": np.array([len(v) for v in values]) if values.dtype == object else values * 2}

    def unload(self) -> None:
        self.name = "unloaded"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An artefact's path; what loads it is the fake."""
    FakeModel.asked.clear()
    FakeModel.refuses.clear()
    monkeypatch.setattr(runtime, "SavedModel", FakeModel)
    (tmp_path / "saved_model.pb").write_bytes(b"model")
    return tmp_path
