"""Versions come and go for months: twenty reloads of a model of 100 MB leave a process as large as the first ones did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAVE = """
import sys
import numpy as np, tensorflow as tf
model = tf.Module()
model.w = tf.Variable(np.random.rand(8, 3_276_800).astype("f4"))
answer = tf.function(
    lambda x: {"y": (x @ model.w)[:, :8]}, input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")]
)
tf.saved_model.save(model, sys.argv[1], signatures=answer)
"""
SAVE_ONNX = """
import sys
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
weights = numpy_helper.from_array(np.random.rand(8, 3_276_800).astype("f4"), "w")
cut = [numpy_helper.from_array(np.array([v], np.int64), n) for n, v in (("from", 0), ("to", 8), ("axis", 1))]
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Slice", ["h", "from", "to", "axis"], ["y"])],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 8])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 8])],
    [weights, *cut],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), sys.argv[1])
"""
SAVE_TFLITE = """
import sys
import numpy as np, tensorflow as tf
weights = tf.constant(np.random.rand(8, 3_276_800).astype("f4"))
answer = tf.function(
    lambda x: {"y": (x @ weights)[:, :8]}, input_signature=[tf.TensorSpec([None, 8], tf.float32, name="x")]
)
made = tf.lite.TFLiteConverter.from_concrete_functions([answer.get_concrete_function()]).convert()
open(sys.argv[1], "wb").write(made)
"""
SAVE_SKLEARN = """
import sys
import numpy as np, skops.io
from sklearn.linear_model import LinearRegression
model = LinearRegression().fit(np.random.rand(20, 8), np.random.rand(20, 8))
model.more_ = np.random.rand(13_107_200)
skops.io.dump(model, sys.argv[1])
"""
SAVE_KERAS = """
import sys
import tensorflow as tf
layers = tf.keras.layers
wide = [layers.Dense(3_276_800, use_bias=False), layers.Reshape((409_600, 8)), layers.GlobalMaxPooling1D()]
tf.keras.Sequential([layers.Input((8,), name="x"), *wide]).save(sys.argv[1])
"""
SAVE_PYTHON = """
import sys
open(sys.argv[1], "w").write("import numpy as np\\nW = np.random.rand(13_107_200)\\ndef predict(x):\\n    return x\\n")
"""
RELOAD = """
import sys
from pathlib import Path
import pyarrow as pa
from mergus.engine.inference.model_function import ModelFunction
from mergus.engine.inference.program import Tensor
from mergus.engine.inference.runtime import ModelRuntime
from mergus.engine.sql.types import Vector

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1])

provider, path, isolated = sys.argv[1:]
name = "features" if provider == "sklearn" else "x"
tensors = (Tensor(name, "float32", (8,)),), (Tensor("y", "float32", (8,)),)
model = ModelFunction("M", Path(path), {name: Vector(8)}, Vector(8), provider=provider, options={"provider": provider},
                      declared=tensors, isolated=isolated == "isolated")
runtime, sizes = ModelRuntime(), []
for _ in range(20):
    made = runtime.infer(model, [pa.array([[1.0] * 8], pa.list_(pa.float32(), 8))])
    assert not made.errors, made.errors
    runtime.unload(model)
    sizes.append(resident())
print(sizes[1], max(sizes[2:]))
"""

SHAPES = """
import os
import random
from pathlib import Path
import pyarrow as pa
import mergus
from mergus.engine.inference.runtime import ModelRuntime
from mergus.udfs.classify import classify
from mergus.udfs.cluster_id import cluster_id

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # which keeps something of each shape

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

chance, runtime, sizes = random.Random(1), ModelRuntime(), []
for count in [8, *(chance.randrange(50, 400) for _ in range(150))]:
    words = ("disk", "failure", "of", "node", "user", "login", "refused", "request", "slow")
    lines = pa.array([" ".join(chance.choices(words, k=chance.randrange(2, 20))) + f" {chance.random()}" for _ in range(count)])
    for model in (classify, cluster_id):
        assert not runtime.infer(model, [lines]).errors
    sizes.append(resident_mb())
print(int(sizes[-1] - sizes[0]))
"""


def output(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
@pytest.mark.parametrize(
    ("provider", "file", "save", "way"),
    [
        ("tensorflow", "saved", SAVE, "here"),
        ("keras", "m.keras", SAVE_KERAS, "here"),
        ("onnx", "m.onnx", SAVE_ONNX, "here"),
        ("tflite", "m.tflite", SAVE_TFLITE, "here"),
        ("sklearn", "m.skops", SAVE_SKLEARN, "here"),
        ("python", "m.py", SAVE_PYTHON, "here"),
        ("python", "m.py", SAVE_PYTHON, "isolated"),
    ],
)
def test_twenty_reloads_leave_no_memory_behind(provider: str, file: str, save: str, way: str, tmp_path: Path) -> None:
    library = {"keras": "tensorflow", "onnx": "onnxruntime", "tflite": "ai_edge_litert", "python": "numpy"}
    pytest.importorskip(library.get(provider, provider))
    if provider == "onnx":
        pytest.importorskip("onnx")
    path = tmp_path / file
    output(save, str(path))
    second, most = map(int, output(RELOAD, provider, str(path), way).split())
    assert most <= 1.1 * second


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
def test_calls_of_many_shapes_leave_little_behind() -> None:
    pytest.importorskip("tensorflow")
    assert int(output(SHAPES)) < 40
