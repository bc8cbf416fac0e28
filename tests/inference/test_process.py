"""Models in a process of their own: hanging, ending, raising and going, each at the cost of the guilty row only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.errors import UserError
from mergus.engine.inference.calls import Caller
from mergus.engine.inference.model_function import ModelFunction
from mergus.engine.inference.process import ModelProcess, Unanswered
from mergus.engine.inference.program import Source, Tensor
from mergus.engine.inference.runtime import ModelRuntime
from mergus.engine.inference.spare_threads import SpareThreads
from mergus.engine.inference.stats import ModelStats
from mergus.engine.sql.types import BIGINT

TENSORS = ((Tensor("x", "int64"),), (Tensor("y", "int64"),))
CODE = """
import os, signal, threading

def predict(x):
    print("what an engine says")
    if 13 in x:
        threading.Event().wait()
    if 14 in x:
        os.kill(os.getpid(), signal.SIGSEGV)
    if 15 in x:
        raise ValueError("fifteen")
    return x * 2
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    file = tmp_path / "model.py"
    file.write_text(CODE)
    return Source("M", file, {}, 1, *TENSORS)


def asked(process: ModelProcess, *values: int) -> list[int]:
    return process({"x": np.array(values)})["y"].tolist()


def gone(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_call_that_hangs_is_ended_and_the_next_one_answered(source: Source) -> None:
    process = ModelProcess("python", source, 0.01)
    pid = process.pid
    with pytest.raises(Unanswered, match="model M gave no answer within 10 ms"):
        asked(process, 1, 13)
    assert gone(pid)
    process.timeout_s = None
    assert asked(process, 4) == [8]
    process.unload()


def test_only_the_row_that_ends_the_process_errs(source: Source) -> None:
    options = {"provider": "python"}
    model = ModelFunction(
        "M", source.path, {"x": BIGINT}, BIGINT, provider="python", options=options, declared=TENSORS, isolated=True
    )
    runtime = ModelRuntime()
    made = runtime.infer(model, [pa.array([14, 2, None])])
    assert made.values.to_pylist() == [None, 4, None]
    assert made.errors == [(0, "model M: its engine ended the process (killed by SIGSEGV)")]
    runtime.unload(model)


def test_what_a_model_raises_is_told_and_its_process_stays(source: Source) -> None:
    process = ModelProcess("python", source, None)
    pid = process.pid
    with pytest.raises(UserError, match="ValueError: fifteen"):
        asked(process, 15)
    assert asked(process, 5) == [10]
    assert process.pid == pid
    process.unload()
    assert gone(pid)
    with pytest.raises(UserError, match="has been unloaded"):
        asked(process, 5)


class Hanging:
    """Gives no answer where a call holds a value that is told."""

    def __init__(self, *values: int) -> None:
        self.values, self.calls = values, 0

    def __call__(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.calls += 1
        if np.isin(self.values, tensors["x"]).any():
            raise Unanswered("no answer")
        return {"y": tensors["x"] * 2}


def called(program: Any, count: int) -> dict[int, str]:
    model = ModelFunction("M", "m", {"x": BIGINT}, BIGINT)
    return Caller(1024, SpareThreads(0)).run(model, [pa.array(range(count))], program, ModelStats())[1]


def test_only_the_row_that_hangs_errs() -> None:
    assert called(Hanging(700), 1000) == {700: "no answer"}


def test_a_model_that_answers_nothing_is_not_asked_for_every_row() -> None:
    program = Hanging(*range(1000))
    failed = called(program, 1000)
    assert len(failed) == 1000
    assert program.calls == 21
    assert "not asked after 21 calls without an answer" in failed.values()


def test_a_program_that_does_not_load_is_refused_with_its_words(tmp_path: Path) -> None:
    file = tmp_path / "model.py"
    file.write_text("import a_module_that_is_not_there\n")
    with pytest.raises(UserError, match="does not run"):
        ModelProcess("python", Source("M", file, {}, 1, *TENSORS), None)
