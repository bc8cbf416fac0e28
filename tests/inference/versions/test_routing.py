"""Versions looked up batch by batch, kept ready and let go; rows split by a stable hash."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mergus.engine.errors import UserError
from mergus.engine.inference.versions.arms import split_rows
from mergus.engine.inference.versions.registered import RegisteredModel
from mergus.engine.inference.versions.routing import RoutedRuntime
from mergus.engine.inference.versions.store import ModelStore, Wanted
from mergus.engine.sql.catalog_models import DEFAULT_ALIAS, ModelEntry
from mergus.engine.sql.types import DOUBLE


def entry(store: ModelStore, folder: Path, *factors: int) -> ModelEntry:
    """A model `M` whose version n multiplies by factors[n - 1]; the first is the champion."""
    versions = []
    for number, factor in enumerate(factors, 1):
        file = folder / f"v{number}.py"
        file.write_text(f"def predict(x):\n    return x * {factor}\n")
        columns = ((("X", DOUBLE),), (("Y", DOUBLE),))
        versions.append(store.bring(Wanted("M", "python", str(file), *columns), number, 0))
    return ModelEntry("M", tuple(versions), {DEFAULT_ALIAS: 1}, len(factors) + 1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelStore, ModelEntry]:
    folder = tmp_path_factory.mktemp("models")
    store = ModelStore(folder / "data", allowed=None, code=True)
    return store, entry(store, folder, 2, 3)


def model(store: ModelStore, reference: str = "") -> RegisteredModel:
    return RegisteredModel("M", str(store.folder), reference, (("X", DOUBLE),), DOUBLE)


def moved(entry: ModelEntry, number: int) -> ModelEntry:
    return entry.with_alias(DEFAULT_ALIAS, number, 0, action="SET ALIAS")


def answers(runtime: RoutedRuntime, called: RegisteredModel) -> list[Any]:
    values: list[Any] = runtime.infer(called, [pa.array([1.0, None])]).values.to_pylist()
    return values


def test_a_move_is_seen_by_the_next_batch_and_not_within_one(made: tuple[ModelStore, ModelEntry]) -> None:
    store, first = made
    runtime = RoutedRuntime()
    store.publish({"M": first})
    assert answers(runtime, model(store)) == [2.0, None]
    with runtime.batch():
        assert answers(runtime, model(store)) == [2.0, None]
        store.publish({"M": moved(first, 2)})
        assert answers(runtime, model(store)) == [2.0, None]
    assert answers(runtime, model(store)) == [3.0, None]
    assert answers(runtime, model(store, "$1")) == [2.0, None]
    with pytest.raises(UserError, match="alias BETA"):
        answers(runtime, model(store, "@BETA"))


def test_what_no_alias_points_at_is_let_go_and_comes_again(made: tuple[ModelStore, ModelEntry]) -> None:
    store, first = made
    let_go: list[str | None] = []

    class Watched(RoutedRuntime):
        def unload(self, function: Any) -> None:
            super().unload(function)
            let_go.append(function.version)

    runtime = Watched()
    store.publish({"M": first})
    answers(runtime, model(store))
    both = first.with_alias("CHALLENGER", 2, 0, action="SET ALIAS")
    store.publish({"M": both})
    answers(runtime, model(store))
    store.publish({"M": moved(first, 2)})
    assert answers(runtime, model(store)) == [3.0, None]
    for thread in [t for t in threading.enumerate() if t.name == "models"]:
        thread.join(30)
    assert let_go == ["1"]
    assert answers(runtime, model(store, "$1")) == [2.0, None]


def test_a_model_that_is_gone_is_said(made: tuple[ModelStore, ModelEntry]) -> None:
    store, first = made
    runtime = RoutedRuntime()
    store.publish({"M": first})
    gone = RegisteredModel("GONE", str(store.folder), "", (("X", DOUBLE),), DOUBLE)
    with pytest.raises(UserError, match="GONE does not exist any more"):
        runtime.infer(gone, [pa.array([1.0])])


def test_a_damaged_version_is_not_run(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "data", allowed=None, code=True)
    only = entry(store, tmp_path, 2)
    store.publish({"M": only})
    (store.folder / "M" / "1" / "v1.py").write_text("def predict(x):\n    return x * 9\n")
    with pytest.raises(UserError, match="not the one that was asked for"):
        answers(RoutedRuntime(), model(store))
    with pytest.raises(UserError, match="not the one that was asked for"):
        store.check("M", only.versions[0])


def test_a_split_is_stable_and_near_its_shares() -> None:
    keys = pa.array([f"user {i}" for i in range(20_000)])
    arms = [(1, 90), (2, 10)]
    chosen = split_rows([keys], arms)
    assert split_rows([keys.slice(5_000, 7)], arms).tolist() == chosen[5_000:5_007].tolist()
    assert 0.09 < float(np.mean(chosen == 2)) < 0.11
    wider = split_rows([keys], [(1, 80), (2, 20)])
    assert not np.any((chosen == 2) & (wider == 1))  # a larger share takes from the other arm only
    assert set(split_rows([keys], [(1, 0), (2, 1)]).tolist()) == {2}
    assert split_rows([pa.array(["user 1"])], arms).tolist() == [1]


def test_what_a_crash_left_behind_is_removed(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "data", allowed=None, code=True)
    both = entry(store, tmp_path, 2, 3)
    only = both.without(2, 0)  # version 2 was brought, and the server died before the log had it
    store.publish({"M": only})
    assert sorted(p.name for p in (store.folder / "M").iterdir()) == ["1"]
    store.publish({})
    assert [p.name for p in store.folder.iterdir()] == ["routes.json"]
