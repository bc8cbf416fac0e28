"""What the model runtime promises about rows: NULLs, repeats, the cache, sizes of calls, failures."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mergus
from mergus.engine.errors import EnvironmentFault
from mergus.engine.inference import cache
from mergus.engine.inference.model_function import ModelFunction
from mergus.engine.inference.runtime import ModelRuntime
from tests.inference.fake_model import FakeModel, fake

__all__ = ["fake"]


def double(artefact: Path, **settings: Any) -> ModelFunction:
    return mergus.model_function("double", artefact=artefact, inputs={"x": "BIGINT"}, output="BIGINT", **settings)


def test_null_never_reaches_the_model(fake: Path) -> None:
    result = ModelRuntime().infer(double(fake), [pa.array([1, None, 3, None])])
    assert result.values.to_pylist() == [2, None, 6, None]
    assert FakeModel.asked == [[1, 3]]


def test_a_batch_of_nulls_or_of_nothing_calls_no_model(fake: Path) -> None:
    runtime = ModelRuntime()
    assert runtime.infer(double(fake), [pa.array([None, None], pa.int64())]).values.to_pylist() == [None, None]
    assert runtime.infer(double(fake), [pa.array([], pa.int64())]).values.type == pa.int64()
    assert FakeModel.asked == []


def test_repeats_in_a_batch_are_computed_once_and_in_later_batches_not_at_all(fake: Path) -> None:
    runtime = ModelRuntime()
    assert runtime.infer(double(fake), [pa.array([5, 7, 5, 5])]).values.to_pylist() == [10, 14, 10, 10]
    assert runtime.infer(double(fake), [pa.array([7, 9])]).values.to_pylist() == [14, 18]
    assert FakeModel.asked == [[5, 7], [9]]
    stats = runtime.stats(double(fake))
    assert (stats.rows, stats.distinct, stats.cache_hits, stats.model_rows) == (6, 4, 1, 3)


def test_the_cache_is_bounded_and_forgets_the_least_recently_used(fake: Path) -> None:
    runtime = ModelRuntime(cache_rows=2)
    for value in (1, 2, 1, 3, 1, 2):
        runtime.infer(double(fake), [pa.array([value])])
    assert FakeModel.asked == [[1], [2], [3], [2]]


def test_without_a_cache_every_batch_is_computed(fake: Path) -> None:
    runtime = ModelRuntime(cache_rows=0)
    for _ in range(2):
        runtime.infer(double(fake), [pa.array([1])])
    assert FakeModel.asked == [[1], [1]]


def test_inputs_that_never_come_again_are_asked_straight_away_after_a_while(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LOOK_S", 1.0)  # no model is slow enough for looks to pay
    runtime = ModelRuntime(cache_rows=10)
    for start in range(0, cache.WINDOW_MIN, 1024):
        runtime.infer(double(fake), [pa.array(range(start, start + 1024))])
    FakeModel.asked.clear()
    for _ in range(2):
        assert runtime.infer(double(fake), [pa.array([1, 2, 1, None])]).values.to_pylist() == [2, 4, 2, None]
    assert FakeModel.asked == [[1, 2], [1, 2]]  # in a batch still once each
    assert runtime.stats(double(fake)).cache_hits == 0


def test_a_bad_row_errs_alone(fake: Path) -> None:
    FakeModel.refuses = {13}
    result = ModelRuntime().infer(double(fake), [pa.array([*range(10, 20), 13, None])])
    assert result.values.to_pylist() == [20, 22, 24, None, 28, 30, 32, 34, 36, 38, None, None]
    assert result.errors == [(3, "cannot take 13"), (10, "cannot take 13")]


def test_a_row_that_failed_is_not_remembered(fake: Path) -> None:
    runtime = ModelRuntime()
    FakeModel.refuses = {1}
    assert runtime.infer(double(fake), [pa.array([1, 2])]).errors
    FakeModel.refuses = set()
    assert runtime.infer(double(fake), [pa.array([1, 2])]).values.to_pylist() == [2, 4]


def test_all_rows_bad(fake: Path) -> None:
    FakeModel.refuses = {1, 2}
    result = ModelRuntime().infer(double(fake), [pa.array([1, 2])])
    assert result.values.to_pylist() == [None, None]
    assert len(result.errors) == 2


def test_calls_have_an_allowed_size_and_no_more_than_the_limit(fake: Path) -> None:
    ModelRuntime().infer(double(fake, batch_sizes=[8, 2, 4]), [pa.array(range(11))])
    assert sorted(len(rows) for rows in FakeModel.asked) == [4, 8]
    FakeModel.asked.clear()
    result = ModelRuntime(rows_max=4).infer(double(fake), [pa.array(range(10))])
    assert sorted(len(rows) for rows in FakeModel.asked) == [2, 4, 4]
    assert result.values.to_pylist() == [2 * i for i in range(10)]


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_a_large_batch_is_asked_side_by_side(fake: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """All calls are under way before one may end; the answers are in order, the bad rows err alone, and they count as once."""
    everyone, ask = threading.Barrier(at_once), FakeModel.__call__

    def together(self: FakeModel, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if len(tensors["x"]) == 1_000:
            everyone.wait(20)
        return ask(self, tensors)

    monkeypatch.setattr(FakeModel, "side_by_side", True, raising=False)
    monkeypatch.setattr(FakeModel, "__call__", together)
    runtime = ModelRuntime(at_once=at_once)
    values = list(range(1_000 * at_once))
    assert runtime.infer(double(fake), [pa.array(values)]).values.to_pylist() == [2 * v for v in values]
    assert [len(rows) for rows in FakeModel.asked] == [1_000] * at_once
    assert runtime.infer(double(fake), [pa.array(range(9_000, 9_100))]).errors == []
    assert len(FakeModel.asked[-1]) == 100  # a small batch is not divided
    stats = runtime.stats(double(fake))
    assert (stats.rows, stats.model_rows, stats.model_calls) == (len(values) + 100, len(values) + 100, at_once + 1)
    assert stats.glue_seconds > 0


def test_a_bad_row_of_a_batch_side_by_side_errs_alone(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeModel, "side_by_side", True, raising=False)
    FakeModel.refuses = {3, 5_999}
    result = ModelRuntime(at_once=3).infer(double(fake), [pa.array(range(6_000))])
    assert result.errors == [(3, "cannot take 3"), (5_999, "cannot take 5999")]
    assert result.values.to_pylist() == [None if v in FakeModel.refuses else 2 * v for v in range(6_000)]


def test_an_engine_that_is_away_is_told_from_a_helper(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(self: FakeModel, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if 3_999 in tensors["x"]:
            raise EnvironmentFault("the engine is away")
        return {"z": tensors["x"]}

    monkeypatch.setattr(FakeModel, "side_by_side", True, raising=False)
    monkeypatch.setattr(FakeModel, "__call__", away)
    with pytest.raises(EnvironmentFault, match="the engine is away"):
        ModelRuntime(at_once=2).infer(double(fake), [pa.array(range(4_000))])


def test_a_value_that_finish_refuses_errs_alone(fake: Path) -> None:
    def finish(tensors: Any) -> np.ndarray:
        if (tensors["z"] == 4).any():
            raise ValueError("four")
        return tensors["z"]

    result = ModelRuntime().infer(double(fake, finish=finish), [pa.array([1, 2, 3])])
    assert result.values.to_pylist() == [2, None, 6]
    assert result.errors == [(1, "four")]


def test_prepare_and_finish_shape_what_goes_in_and_comes_out(fake: Path) -> None:
    function = mergus.model_function(
        "parts",
        artefact=fake,
        inputs={"a": "STRING", "b": "STRING"},
        output="STRUCT<`sum` BIGINT, `text` STRING>",
        prepare=lambda a, b: {
            "x": np.array([len(v) for v in a.to_pylist()]),
            "y": np.array([len(v) for v in b.to_pylist()]),
        },
        finish=lambda t: pa.array([{"n": int(v), "s": str(v)} for v in t["z"]]),
    )
    result = ModelRuntime().infer(function, [pa.array(["ab", "ab", None]), pa.array(["c", "c", "d"])])
    assert result.values.to_pylist() == [{"f0": 21, "f1": "21"}] * 2 + [None]
    assert FakeModel.asked == [[2]]


def test_several_arguments_are_one_input(fake: Path) -> None:
    function = mergus.model_function("f", artefact=fake, inputs={"x": "BIGINT", "y": "BIGINT"}, output="BIGINT")
    result = ModelRuntime().infer(function, [pa.array([1, 1, 2, 1]), pa.array([3, 4, 3, 3])])
    assert result.values.to_pylist() == [13, 14, 23, 13]
    assert sorted(FakeModel.asked[0]) == [1, 1, 2]


def test_several_distinct_arguments_keep_their_rows(fake: Path) -> None:
    function = mergus.model_function("f", artefact=fake, inputs={"x": "BIGINT", "y": "BIGINT"}, output="BIGINT")
    result = ModelRuntime().infer(function, [pa.array([3, 1, 2]), pa.array([1, 2, 3])])
    assert result.values.to_pylist() == [31, 12, 23]


def test_workers_share_a_model_and_unloading_waits_for_them(fake: Path) -> None:
    runtime = ModelRuntime(cache_rows=8)
    wrong: list[object] = []

    def work(start: int) -> None:
        for i in range(60):
            values = [(start + i + k) % 23 for k in range(7)]
            result = runtime.infer(double(fake), [pa.array(values)])
            if result.errors or result.values.to_pylist() != [2 * v for v in values]:
                wrong.append(result)
            if i % 10 == 9:
                runtime.unload(double(fake))

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 5, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_vectors_go_in_and_come_out_as_32_bit_floats(fake: Path) -> None:
    function = mergus.model_function("v", artefact=fake, inputs={"x": "FLOAT[2]"}, output="FLOAT[2]")
    column = pa.array([[1.5, 2.5], None, [0.1, 3.0]], pa.list_(pa.float32(), 2))
    result = ModelRuntime().infer(function, [column])
    assert result.values.type == pa.list_(pa.float32(), 2)
    assert result.values.to_pylist()[0] == [3.0, 5.0]
    assert result.values.to_pylist()[1] is None


def test_an_output_of_the_wrong_shape_is_said(fake: Path) -> None:
    function = mergus.model_function("v", artefact=fake, inputs={"x": "FLOAT[2]"}, output="FLOAT[3]")
    result = ModelRuntime().infer(function, [pa.array([[1.0, 2.0]], pa.list_(pa.float32(), 2))])
    assert result.errors == [(0, "the model gave shape [2] a row, expected [3]")]


def test_chunked_columns_and_other_arrow_types_are_taken(fake: Path) -> None:
    result = ModelRuntime().infer(
        double(fake), [pa.chunked_array([pa.array([1], pa.int32()), pa.array([2], pa.int32())])]
    )
    assert result.values.to_pylist() == [2, 4]


def test_functions_on_one_artefact_share_one_call(fake: Path) -> None:
    runtime = ModelRuntime()
    plus = double(fake, finish=lambda t: t["z"] + 1)
    assert runtime.infer(double(fake), [pa.array([1])]).values.to_pylist() == [2]
    assert runtime.infer(plus, [pa.array([1])]).values.to_pylist() == [3]
    assert FakeModel.asked == [[1]]


def test_unloading_frees_and_the_next_row_loads_again(fake: Path) -> None:
    runtime = ModelRuntime()
    runtime.infer(double(fake), [pa.array([1])])
    runtime.unload(double(fake))
    assert runtime.stats(double(fake)).rows == 0
    assert runtime.infer(double(fake), [pa.array([1])]).values.to_pylist() == [2]


def test_results_carry_the_version(fake: Path) -> None:
    assert ModelRuntime().infer(double(fake, version="7"), [pa.array([1])]).version == "7"
    assert len(ModelRuntime().infer(double(fake), [pa.array([1])]).version) == 12


def test_a_long_input_is_answered_but_not_remembered(fake: Path) -> None:
    function = mergus.model_function("length", artefact=fake, inputs={"x": "STRING"}, output="BIGINT")
    runtime = ModelRuntime()
    for _ in range(2):
        assert runtime.infer(function, [pa.array(["a" * 100_000, "b"])]).values.to_pylist() == [100_000, 1]
    assert [len(rows) for rows in FakeModel.asked] == [2, 1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=12), max_size=6),
    st.integers(0, 5),
    st.integers(1, 5),
    st.sets(st.integers(0, 12), max_size=3),
)
def test_answers_do_not_depend_on_how_batches_are_cut(
    batches: list[list[int | None]], cache_rows: int, rows_max: int, refused: set[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        from mergus.engine.inference import runtime as module

        patch.setattr(module, "SavedModel", FakeModel)
        FakeModel.refuses = refused
        runtime = ModelRuntime(cache_rows=cache_rows, rows_max=rows_max)
        function = double(Path(__file__))
        for batch in batches:
            result = runtime.infer(function, [pa.array(batch, pa.int64())])
            expected = [None if v is None or v in refused else 2 * v for v in batch]
            assert result.values.to_pylist() == expected
            assert [row for row, _ in result.errors] == [i for i, v in enumerate(batch) if v in refused]
