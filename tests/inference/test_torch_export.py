"""Programs of torch.export: what they say of themselves, and how they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mergus.engine.errors import MergusError
from mergus.engine.inference.program import Source, Tensor
from mergus.engine.inference.providers import registry as providers

ALLOWED = {"allow_pickle": "true"}


def loaded(folder: Path, forward: Any, *args: Any, outputs: tuple[Tensor, ...] | None = None, **how: Any) -> Any:
    """A module with this `forward`, exported with these arguments, as the engine loads it."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'mergus[torch]'")
    module = type("Module", (torch.nn.Module,), {"forward": forward})()
    torch.export.save(torch.export.export(module, args, **how), folder / "m.pt2")
    return providers.load("torch_export", Source("M", folder / "m.pt2", ALLOWED, 1, None, outputs))


def test_a_program_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    rows = torch.export.Dim("rows")

    def forward(self, x, n):  # type: ignore[no-untyped-def]
        return {"twice": x * 2, "total": x.sum(dim=1) + n}

    args = (torch.ones(2, 3), torch.ones(2, dtype=torch.int64))
    program = loaded(tmp_path, forward, *args, dynamic_shapes={"x": {0: rows}, "n": {0: rows}})
    assert program.input_tensors == (Tensor("x", "float32", (3,)), Tensor("n", "int64"))
    assert program.output_tensors == (Tensor("twice", "float32", (3,)), Tensor("total", "float32"))
    for count in (1, 2, 5):
        answer = program({"x": np.ones((count, 3)), "n": np.arange(count)})
        assert answer["twice"].tolist() == [[2, 2, 2]] * count
        assert answer["total"].tolist() == [3.0 + n for n in range(count)]


def test_one_for_a_fixed_number_of_rows_takes_any(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def forward(self, x, *, n):  # type: ignore[no-untyped-def]
        return x * 2, x[:, 0] + n

    program = loaded(tmp_path, forward, torch.ones(4, 3), kwargs={"n": torch.ones(4)})
    assert [t.name for t in program.input_tensors] == ["x", "n"]
    assert [t.name for t in program.output_tensors] == ["output_0", "output_1"]
    for count in (1, 4, 9):
        answer = program({"x": np.ones((count, 3)), "n": np.arange(count)})
        assert answer["output_0"].tolist() == [[2, 2, 2]] * count
        assert answer["output_1"].tolist() == [1.0 + n for n in range(count)]


def test_outputs_are_called_as_output_says(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def forward(self, x):  # type: ignore[no-untyped-def]
        return x.mul_(2), x + 1

    declared = (Tensor("a", "float32", (3,)), Tensor("b", "float32", (3,)))
    program = loaded(tmp_path, forward, torch.ones(2, 3), outputs=declared)
    given = np.ones((2, 3), np.float32)
    given.flags.writeable = False  # as columns are; the module writes into its input all the same
    answer = program({"x": given})
    assert (answer["a"].tolist(), answer["b"].tolist()) == ([[2, 2, 2]] * 2, [[3, 3, 3]] * 2)
    assert given.tolist() == [[1, 1, 1]] * 2


def test_what_cannot_be_called_row_by_row_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(MergusError, match="no tensor with a row"):
        loaded(tmp_path, lambda self, x: x.sum(), torch.ones(2, 3))
    with pytest.raises(MergusError, match="neither tensors nor a dict"):
        loaded(tmp_path, lambda self, x: {"a": x, "b": (x, x)}, torch.ones(2, 3))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "m.pt2").write_bytes(b"this is no model")
    with pytest.raises(MergusError, match="may run any code") as refused:
        providers.load("torch_export", Source("M", tmp_path))
    assert "ALLOW_PICKLE" in str(refused.value)
    pytest.importorskip("torch")
    with pytest.raises(MergusError, match="PyTorch cannot load"):
        providers.load("torch_export", Source("M", tmp_path, ALLOWED))
