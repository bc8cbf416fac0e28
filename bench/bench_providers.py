"""What the infer step adds to a model, engine by engine: a single row, and batches, without a cache and out of it.

    python -m bench.bench_providers [--rounds 40]

Bare is a call of the loaded engine with tensors that lie ready; the step takes an Arrow column and gives one: repeats
found, cache asked, tensors made, answers made a column. The two take turns, so that a machine that is busy with something
else harms both alike, and the median of the rounds is shown. Inputs never repeat, but in the last column, where
the cache knows them all; vectors have no cache. `isolated` is the same engine in a process of its own (TIMEOUT_MS, ISOLATED).
`vector` is a network of 8,192 weights, which costs less than what stands around it; `wide` one of half a million, still small
for a network.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa

from mergus.engine.inference.arrays import to_tensor
from mergus.engine.inference.model_function import ModelFunction
from mergus.engine.inference.program import Program, Source, Tensor
from mergus.engine.inference.providers import registry as providers
from mergus.engine.inference.runtime import ModelRuntime
from mergus.engine.inference.versions.artefact import locate
from mergus.engine.sql.types import STRING, Vector
from mergus.udfs.embed import embed

SIZES = (1, 256, 1024)
WIDTH = 64
HIDDEN = {"vector": 64, "wide": 4096}
NETWORK = """
import numpy as np
first, second = np.random.default_rng(1).normal(size=(2, {width}, {hidden})).astype("f4")
second = second.T
def predict(x):
    return np.tanh(np.maximum(x @ first, 0) @ second)
"""


SAVED = {  # what the engine needs, and the same network, or as near as it comes, written by a process of its own
    "keras": (
        "tensorflow",
        "network.keras",
        """
import sys, tensorflow as tf
layer = tf.keras.layers.Dense
first, second = layer({hidden}, "relu", use_bias=False), layer({width}, "tanh", use_bias=False)
tf.keras.Sequential([tf.keras.layers.Input(({width},), name="x"), first, second]).save(sys.argv[1])
""",
    ),
    "tflite": (
        "ai_edge_litert",
        "network.tflite",
        """
import sys, numpy as np, tensorflow as tf
first, second = tf.constant(np.random.default_rng(1).normal(size=(2, {width}, {hidden})).astype("f4"))
signature = [tf.TensorSpec([None, {width}], tf.float32, name="x")]
network = tf.function(lambda x: {{"y": tf.tanh(tf.nn.relu(x @ first) @ tf.transpose(second))}}, input_signature=signature)
made = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()]).convert()
open(sys.argv[1], "wb").write(made)
""",
    ),
    "sklearn": (
        "skops",
        "network.skops",
        """
import sys, numpy as np, skops.io
from sklearn.neural_network import MLPRegressor
rows = np.random.default_rng(1).normal(size=(2, 300, {width})).astype("f4")
skops.io.dump(MLPRegressor(hidden_layer_sizes=({hidden},), max_iter=5, solver="lbfgs").fit(*rows), sys.argv[1])
""",
    ),
}


@dataclass(frozen=True)
class Case:
    """A model, and how inputs of it are made: so many, none of them met before."""

    name: str
    model: ModelFunction
    inputs: Callable[[int], pa.Array]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    print(f"{'':24}{'rows':>6}{'bare ms':>10}{'step ms':>10}{'adds ms':>10}{'adds %':>9}{'cached ms':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder)):
            measure(case, rounds)


def cases(folder: Path) -> Iterator[Case]:
    """Engines that need no download, those whose libraries are installed."""
    numbers = iter(range(10**9))
    chance = np.random.default_rng(2)

    def texts(count: int) -> pa.Array:
        return pa.array(
            [f"request {next(numbers)} failed: connection to host{next(numbers)} refused" for _ in range(count)]
        )

    def vectors(count: int) -> pa.Array:
        flat = pa.array(chance.normal(size=count * WIDTH).astype(np.float32))
        return pa.FixedSizeListArray.from_arrays(flat, WIDTH)

    text = ModelFunction(
        "embed", embed.artefact, {"text": STRING}, embed.output, options={"provider": "tensorflow"}, declared=None
    )
    yield Case("tensorflow, text", text, texts)
    for kind, hidden in HIDDEN.items():
        for name, model in networks(folder / kind, hidden):
            yield Case(f"{name}, {kind}", model, vectors)
            if name == "python":
                yield Case(f"{name}, {kind}, isolated", replace(model, isolated=True), vectors)


def networks(folder: Path, hidden: int) -> Iterator[tuple[str, ModelFunction]]:
    """One network as each engine has it, by the engine's name."""
    folder.mkdir()
    declared = (Tensor("x", "float32", (WIDTH,)),), (Tensor("y", "float32", (WIDTH,)),)
    file = folder / "network.py"
    file.write_text(NETWORK.format(width=WIDTH, hidden=hidden))
    network = ModelFunction(
        "network",
        file,
        {"x": Vector(WIDTH)},
        Vector(WIDTH),
        provider="python",
        options={"provider": "python"},
        declared=declared,
    )
    yield "python", network
    onnx = onnx_file(folder / "network.onnx", hidden)
    if onnx is not None:
        yield "onnx", replace(network, artefact=onnx, provider="onnx", options={"provider": "onnx"})
    for provider, (library, name, save) in SAVED.items():
        if find_spec(library) is None:
            continue
        saved, named = folder / name, "features" if provider == "sklearn" else "x"
        script = save.format(width=WIDTH, hidden=hidden)
        subprocess.run([sys.executable, "-c", script, str(saved)], check=True, capture_output=True)
        found = {"provider": provider, "options": {"provider": provider}, "declared": None}
        yield provider, replace(network, artefact=saved, inputs={named: Vector(WIDTH)}, **found)


def onnx_file(path: Path, hidden: int) -> Path | None:
    """The same network; None where it cannot be written."""
    try:
        import onnx
    except ImportError:
        return None
    from onnx import TensorProto, helper, numpy_helper

    first, second = np.random.default_rng(1).normal(size=(2, WIDTH, hidden)).astype("f4")
    shape = ["rows", WIDTH]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "a"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "b"], ["s"]),
            helper.make_node("Tanh", ["s"], ["y"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(first, "a"), numpy_helper.from_array(second.T.copy(), "b")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def measure(case: Case, rounds: int) -> None:
    """One line a size."""
    runtime = ModelRuntime()
    name = next(iter(case.model.inputs))
    runtime.load(case.model)
    program = engine(case.model)
    for size in SIZES:
        bare, step, cached = [], [], []
        for _ in range(rounds + 2):
            tensors = {name: to_tensor(case.inputs(size))}
            column = case.inputs(size)
            bare.append(seconds(lambda tensors=tensors: program(tensors)))
            step.append(seconds(lambda column=column: runtime.infer(case.model, [column])))
            cached.append(seconds(lambda column=column: runtime.infer(case.model, [column])))
        first, second, third = (1000 * statistics.median(times[2:]) for times in (bare, step, cached))
        known = f"{third:11.3f}" if pa.types.is_string(column.type) else f"{'':>11}"
        adds = second - first
        print(f"{case.name:24}{size:6}{first:10.3f}{second:10.3f}{adds:10.3f}{100 * adds / first:9.1f}{known}")
    runtime.unload(case.model)


def engine(model: ModelFunction) -> Program:
    """The model's engine alone."""
    takes, gives = model.declared or (None, None)
    return providers.load(model.provider, Source(model.name, locate(model.artefact), model.options, 1, takes, gives))


def seconds(job: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
