"""scikit-learn models saved by skops: estimators and pipelines, over columns of numbers or texts.

What was fitted with columns that have names is asked with a table of them (a ColumnTransformer takes no other): numbers, and
texts and truth where INPUT says so.

skops is read without running code of the file's: a type it does not know must be named in TRUSTED. A pickle runs
whatever it likes when it is read, so it is refused unless ALLOW_PICKLE says otherwise.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError
from ..program import Source, Tensor, Tensors, one_file, text_bytes, texts
from .registry import library

PICKLES = (".pkl", ".pickle", ".joblib")
_KEPT = ("string", "bool")
"""What of INPUT a column of a table keeps: all others are numbers of 64 bits."""


def load(source: Source) -> SklearnProgram:
    """The estimator in one `.skops` file."""
    path = one_file(source, (".skops", *PICKLES), ".skops files")
    if path.suffix in PICKLES:
        return SklearnProgram(source, _unpickled(source, path), "pickle")
    io: Any = library("skops.io")
    library("sklearn")
    trusted = [t.strip() for t in source.options.get("trusted", "").split(",") if t.strip()]
    try:
        unknown = [t for t in io.get_untrusted_types(file=path) if t not in trusted]
        if unknown:
            raise UserError(
                f"model {source.name}: its file holds types that are not trusted: {', '.join(unknown)}",
                hint=f"if you trust them: WITH (…, TRUSTED = '{','.join([*trusted, *unknown])}')",
            )
        estimator: Any = io.load(path, trusted=trusted)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"model {source.name}: skops cannot load {path.name}",
            detail=f"{type(error).__name__}: {error}",
            hint="is the file whole, and written by skops.io.dump?",
        ) from error
    return SklearnProgram(source, estimator, "skops")


def _unpickled(source: Source, path: Path) -> Any:
    if not source.allows_pickle:
        raise UserError(
            f"model {source.name}: {path.name} is a pickle, which runs any code when it is read",
            hint="save it with skops.io.dump, or say WITH (…, ALLOW_PICKLE = true) if you trust who made it",
        )
    library("sklearn")
    try:
        if path.suffix == ".joblib":
            joblib: Any = library("joblib")
            return joblib.load(path)
        return pickle.loads(path.read_bytes())  # only where the statement allows it
    except Exception as error:
        raise UserError(f"model {source.name}: {path.name} cannot be read", detail=str(error)) from error


class SklearnProgram:
    """One estimator. Classifiers give `label` and, where they can, `probability`; others `prediction`; transformers
    `values`. METHOD chooses one method (predict, predict_proba, decision_function, transform)."""

    def __init__(self, source: Source, estimator: Any, loader: str) -> None:
        self.loader = loader
        self._estimator: Any = estimator
        self._names = [str(n) for n in getattr(estimator, "feature_names_in_", [])]
        self._takes_texts = not hasattr(estimator, "n_features_in_")
        self._methods = self._chosen(source)
        pandas: Any = library("pandas") if self._names else None
        self._frame: Any = None if pandas is None else pandas.DataFrame
        self.input_tensors = self._inputs(source)
        self.output_tensors = self._outputs(source)

    def _chosen(self, source: Source) -> list[tuple[str, str]]:
        wanted = source.options.get("method")
        if wanted is not None:
            if not hasattr(self._estimator, wanted):
                raise UserError(f"model {source.name}: {type(self._estimator).__name__} has no method {wanted}")
            return [({"predict_proba": "probability", "transform": "values"}.get(wanted, "prediction"), wanted)]
        if hasattr(self._estimator, "classes_") and hasattr(self._estimator, "predict"):
            more = [("probability", "predict_proba")] if hasattr(self._estimator, "predict_proba") else []
            return [("label", "predict"), *more]
        if hasattr(self._estimator, "predict"):
            return [("prediction", "predict")]
        if hasattr(self._estimator, "transform"):
            return [("values", "transform")]
        raise UserError(f"model {source.name}: {type(self._estimator).__name__} can neither predict nor transform")

    def _inputs(self, source: Source) -> tuple[Tensor, ...]:
        if self._takes_texts:
            return (Tensor("text", "string"),)
        if self._names:
            declared = {t.name.upper(): t.dtype for t in source.inputs or ()}
            kinds = [declared.get(name.upper(), "float64") for name in self._names]
            return tuple(Tensor(n, k if k in _KEPT else "float64") for n, k in zip(self._names, kinds, strict=True))
        return (Tensor("features", "float64", (int(self._estimator.n_features_in_),)),)

    def _outputs(self, source: Source) -> tuple[Tensor, ...]:
        """What the methods give, seen by asking them once. An encoder may refuse the empty text as one that it does not know;
        then what classifiers and regressors give is known."""
        try:
            return tuple(self._output(name, method) for name, method in self._methods)
        except UserError:
            raise
        except Exception as error:
            known = [self._known(name) for name, _ in self._methods]
            if source.inputs is not None and self._names and None not in known:
                return tuple(t for t in known if t is not None)
            raise UserError(
                f"model {source.name}: its {type(self._estimator).__name__} cannot be asked about a row of zeros",
                detail=f"{type(error).__name__}: {error}",
                hint="INPUT says which columns are texts: INPUT (age DOUBLE, city STRING)" if self._names else None,
            ) from error

    def _output(self, name: str, method: str) -> Tensor:
        probe = self._ask(method, self._zeros())
        dtype = "string" if probe.dtype.kind in "UO" else probe.dtype.name
        return Tensor(name, dtype, probe.shape[1:])

    def _known(self, name: str) -> Tensor | None:
        classes = np.asarray(getattr(self._estimator, "classes_", []))
        match name:
            case "label":
                return Tensor(name, "string" if classes.dtype.kind in "UO" else classes.dtype.name)
            case "probability":
                return Tensor(name, "float64", (len(classes),))
            case "prediction":
                return Tensor(name, "float64")
        return None

    def _zeros(self) -> Tensors:
        if self._takes_texts:
            return {"text": np.array([b"text"], dtype=object)}
        return {
            t.name: np.array([b""], dtype=object)
            if t.dtype == "string"
            else np.zeros((1, *(n or 1 for n in t.shape)), dtype=np.dtype(t.dtype))
            for t in self.input_tensors
        }

    def _ask(self, method: str, tensors: Tensors) -> np.ndarray[Any, Any]:
        if self._takes_texts:
            given: Any = texts(tensors["text"])
        elif self._names:
            given = self._table(tensors)
        else:
            given = np.asarray(tensors["features"], dtype=np.float64)
        answer = getattr(self._estimator, method)(given)
        return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)

    def _table(self, tensors: Tensors) -> Any:
        """The columns by their names, as a data frame."""
        columns = {}
        for tensor in self.input_tensors:
            values = np.asarray(tensors[tensor.name]).reshape(-1)
            columns[tensor.name] = texts(values) if tensor.dtype == "string" else values.astype(tensor.dtype)
        return self._frame(columns)

    def __call__(self, tensors: Tensors) -> dict[str, np.ndarray[Any, Any]]:
        """Every method's answer by its name."""
        return {name: text_bytes(self._ask(method, tensors)) for name, method in self._methods}

    def unload(self) -> None:
        """Forget the estimator."""
        self._estimator = None
