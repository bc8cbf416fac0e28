"""The matrix of docs/models.md: what each engine takes, tried with a model that gives back what it is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mergus.engine.errors import MergusError
from mergus.engine.inference.program import Source, Tensor, object_array
from mergus.engine.inference.providers import registry as providers

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
TITLES = ("numbers", "truth", "texts", "bytes", "more dimensions")
MATRIX = {
    cells[0]: dict(zip(TITLES, (c == "yes" for c in cells[1:]), strict=True))
    for cells in re.findall(r"^\| `(\w+)` " + r"\| (yes|no) " * len(TITLES) + r"\|$", PAGE, re.MULTILINE)
}
GIVEN: dict[str, list[tuple[Tensor, Any]]] = {
    "numbers": [(Tensor("x", d), np.array([1, 2], d)) for d in ("float32", "float64", "int32", "int64")],
    "truth": [(Tensor("x", "bool"), np.array([True, False]))],
    "texts": [(Tensor("x", "string"), object_array([b"a", "bö".encode()], (2,)))],
    "bytes": [(Tensor("x", "bytes"), object_array([b"\xff\x00", b"b\x00"], (2,)))],
    "more dimensions": [(Tensor("x", "float32", (2, 3)), np.arange(12, dtype=np.float32).reshape(2, 2, 3))],
}


def test_every_engine_is_in_the_matrix() -> None:
    assert set(MATRIX) == set(providers.SHIPPED)


def echo(provider: str, tensor: Tensor, folder: Path) -> Any:
    """A program that gives back its only input."""
    if provider == "python":
        (folder / "m.py").write_text("def predict(x):\n    return list(x) if x.dtype == object else x\n")
        return providers.load("python", Source("M", folder / "m.py", {}, 1, (tensor,), (tensor,)))
    if provider == "torchscript":
        torch = pytest.importorskip("torch")
        torch.jit.save(torch.jit.script(torch.nn.Identity()), str(folder / "m.pt"))
        return providers.load("torchscript", Source("M", folder / "m.pt", {}, 1, (tensor,), (tensor,)))
    if provider == "torch_export":
        torch = pytest.importorskip("torch")
        kind = getattr(torch, tensor.dtype, None)
        if kind is None:
            raise ValueError("PyTorch has no tensors of texts")
        same = type("Same", (torch.nn.Module,), {"forward": lambda self, x: x.clone()})()
        shape = (2, *(size or 1 for size in tensor.shape))
        torch.export.save(torch.export.export(same, (torch.ones(shape, dtype=kind),)), folder / "m.pt2")
        return providers.load("torch_export", Source("M", folder / "m.pt2", {"allow_pickle": "true"}))
    onnx = pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime"}.get(provider, provider))
    kinds = onnx.TensorProto
    kind = {"float32": kinds.FLOAT, "float64": kinds.DOUBLE, "string": kinds.STRING, "bytes": kinds.STRING}
    number = kind.get(tensor.dtype, getattr(kinds, tensor.dtype.upper(), None))
    x, y = (onnx.helper.make_tensor_value_info(name, number, ["rows", *tensor.shape]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    opset = [onnx.helper.make_opsetid("", 13)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(folder / "m.onnx"))
    return providers.load(provider, Source("M", folder / "m.onnx"))


@pytest.mark.parametrize("title", TITLES)
@pytest.mark.parametrize("provider", ["python", "onnx", "openvino", "torchscript", "torch_export"])
def test_the_matrix_is_true(provider: str, title: str, tmp_path: Path) -> None:
    def comes_back(tensor: Tensor, values: Any) -> bool:
        try:
            program = echo(provider, tensor, tmp_path)
            (answer,) = program({"x": values}).values()
        except (MergusError, ValueError, RuntimeError):
            return False
        return bool(answer.tolist() == values.tolist())

    assert all(comes_back(*one) for one in GIVEN[title]) == MATRIX[provider][title]
