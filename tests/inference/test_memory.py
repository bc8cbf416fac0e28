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
tensors = (Tensor("x", "float32", (8,)),), (Tensor("y", "float32", (8,)),)
model = ModelFunction("M", Path(path), {"x": Vector(8)}, Vector(8), provider=provider, options={"provider": provider},
                      declared=tensors, isolated=isolated == "isolated")
runtime, sizes = ModelRuntime(), []
for _ in range(20):
    made = runtime.infer(model, [pa.array([[1.0] * 8], pa.list_(pa.float32(), 8))])
    assert not made.errors, made.errors
    runtime.unload(model)
    sizes.append(resident())
print(sizes[1], max(sizes[2:]))
"""


def output(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
@pytest.mark.parametrize(("provider", "way"), [("tensorflow", "here"), ("python", "here"), ("python", "isolated")])
def test_twenty_reloads_leave_no_memory_behind(provider: str, way: str, tmp_path: Path) -> None:
    if provider == "tensorflow":
        pytest.importorskip("tensorflow")
        path = tmp_path / "saved"
        output(SAVE, str(path))
    else:
        path = tmp_path / "model.py"
        path.write_text("import numpy as np\nW = np.random.rand(13_107_200)\ndef predict(x):\n    return x\n")
    second, most = map(int, output(RELOAD, provider, str(path), way).split())
    assert most <= 1.1 * second
