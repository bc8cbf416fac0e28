"""ML_PREDICT in FROM, written out: the source's columns, and beside them the model's outputs as columns.

`FROM ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(a, b))` is `FROM s` where `*` also gives what `m(a, b)` gives, and an output's
name stands for it anywhere. So models in FROM and models in expressions are one thing to all that follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from ...errors import AnalysisError, UnknownName, Unsupported
from ...sql.catalog import Catalog, Relation
from ...sql.functions import FunctionRegistry, ModelCall, Overload, ScalarFunction
from ...sql.schema import Schema
from ...sql.scope import SchemaScope, suggestion
from ...sql.statements.query import UNSAID, Prediction
from ...sql.statements.statement import Query, SelectItem, SourceRef
from ...sql.types import BIGINT, INTEGER, PLAIN_NAME, Struct, is_numeric
from ...sql.typing.expression import analyze_expression
from .evaluations import metrics

VERSION_COLUMN = "__MODEL_VERSION"
"""What a query calls the version that answers a row; `*` does not give it."""


def expand_predictions(query: Query, catalog: Catalog, registry: FunctionRegistry) -> Query:
    """The query without ML_PREDICT. Raises a UserError where the model or a column is none."""
    source = query.from_
    if not isinstance(source, SourceRef):
        if any(s.prediction is not None for s in query.sources()):
            raise Unsupported(
                "a model in FROM cannot be joined",
                hint="join in a stream of its own, then predict; a pull query takes it",
            )
        return query
    prediction = source.prediction
    if prediction is None:
        return query
    entry = catalog.get(source.name, source.span)
    schema = entry.schema
    if entry.any_case:
        prediction = _as_spelt(prediction, entry, catalog)
    outputs = _outputs(prediction, [c.name for c in schema], catalog, registry)
    named = {**_version(prediction.model, outputs, registry), **outputs}
    if prediction.task == UNSAID:
        prediction = _with_label(prediction, schema, outputs, catalog, registry)
    if prediction.task is not None:
        named = outputs = _evaluated(prediction, schema, outputs, registry)

    def written(node: exp.Expression) -> exp.Expression:
        return node.transform(lambda n: _replaced(n, named, source.alias))

    only = prediction.task is not None
    return replace(
        query,
        select=tuple(made for item in query.select for made in _items(item, named, written, only=only)),
        from_=replace(source, prediction=None),
        where=query.where and written(query.where),
        group_by=tuple(map(written, query.group_by)),
        partition_by=tuple(map(written, query.partition_by)),
        having=query.having and written(query.having),
        qualify=query.qualify and written(query.qualify),
    )


def _as_spelt(prediction: Prediction, source: Relation, catalog: Catalog) -> Prediction:
    """Columns of a file as the file spells them, where they are written in upper case and one fits."""
    given = prediction.columns or _inputs(prediction, catalog)
    label = None if prediction.label is None else source.spelt(prediction.label)
    return replace(prediction, columns=tuple(map(source.spelt, given)), label=label)


def _items(
    item: SelectItem,
    outputs: Mapping[str, exp.Expression],
    written: Callable[[exp.Expression], exp.Expression],
    *,
    only: bool,
) -> list[SelectItem]:
    """An item of the projection, written out; a star gives the outputs too, or them `only`."""
    if item.expression is None:
        shown = {name: made for name, made in outputs.items() if name != VERSION_COLUMN}
        given = [SelectItem(made.copy(), name, span=item.span) for name, made in shown.items()]
        return given if only else [item.mapped(written), *given]
    name = item.expression.name if isinstance(item.expression, exp.Column) else ""
    alias = name if item.alias is None and name in outputs and not item.is_struct_star else item.alias
    return [replace(item, expression=written(item.expression), alias=alias)]


def _replaced(node: exp.Expression, outputs: Mapping[str, exp.Expression], source: str) -> exp.Expression:
    if isinstance(node, exp.Column) and node.table in ("", source) and node.name in outputs:
        return outputs[node.name].copy()
    return node


def _outputs(
    prediction: Prediction, columns: list[str], catalog: Catalog, registry: FunctionRegistry
) -> dict[str, exp.Expression]:
    """The model's outputs by the name that they have beside the source's columns: one that is taken gets a number."""
    overload = _overload(prediction, catalog, registry)
    given = prediction.columns or _by_name(prediction, columns, catalog)
    for name in given:
        if name not in columns:
            raise UnknownName(
                f"column {name} does not exist in the input of {prediction.model}",
                hint=suggestion(name, columns),
                span=prediction.span,
            )
    assert isinstance(overload.implementation, ModelCall)  # `_overload` gives no others
    takes = len(overload.params) - len(overload.implementation.keys)
    if len(given) != takes:
        raise AnalysisError(f"model {prediction.model} takes {takes} columns, not {len(given)}", span=prediction.span)
    called = prediction.settings.of(prediction.model)
    call = exp.Anonymous(this=called, expressions=[exp.Column(this=_identifier(n)) for n in given])
    entry = catalog.models.get(_model_name(prediction.model))
    if isinstance(overload.returns, Struct):
        names = [name for name, _ in overload.returns.fields]
        made: dict[str, exp.Expression] = {
            n: exp.JSONExtract(this=call.copy(), expression=_identifier(n)) for n in names
        }
    else:
        made = {entry.default.outputs[0][0] if entry is not None else prediction.model: call}
    return {name if name not in columns else f"{name}0": node for name, node in made.items()}


def _version(
    model: str, outputs: Mapping[str, exp.Expression], registry: FunctionRegistry
) -> dict[str, exp.Expression]:
    """The version that answers, by its name; a model that is declared in a file has none."""
    call = next(iter(outputs.values())).find(exp.Anonymous)
    if call is None or registry.find(f"{model}#VERSION") is None:
        return {}
    return {VERSION_COLUMN: exp.Anonymous(this=f"{model}#VERSION", expressions=[e.copy() for e in call.expressions])}


def _evaluated(
    prediction: Prediction, schema: Schema, outputs: Mapping[str, exp.Expression], registry: FunctionRegistry
) -> dict[str, exp.Expression]:
    """The metrics of ML_EVALUATE by name. The answer is the output of the label's name, else the first."""
    found = schema.index(prediction.label or "")
    if found is None:
        raise UnknownName(
            f"column {prediction.label} does not exist in the input of {prediction.model}",
            hint=suggestion(prediction.label or "", [c.name for c in schema]),
            span=prediction.span,
        )
    label = schema.columns[found]
    answer = outputs.get(f"{label.name}0") or outputs.get("LABEL") or next(iter(outputs.values()))
    if prediction.task == "regression":
        given = analyze_expression(answer, SchemaScope(schema), registry).type
        for what, kind in ((f"the label {label.name}", label.type), (f"what {prediction.model} answers", given)):
            if not is_numeric(kind):
                raise AnalysisError(
                    f"a regression is about numbers, and {what} is {kind}",
                    hint="'classification' counts how many answers are the label",
                    span=prediction.span,
                )
    made = metrics(prediction.task or "", answer, exp.Column(this=_identifier(label.name)), label.type)
    names = {c.name for c in schema}
    return {name if name not in names else f"{name}0": node for name, node in made.items()}


def _with_label(
    prediction: Prediction,
    schema: Schema,
    outputs: Mapping[str, exp.Expression],
    catalog: Catalog,
    registry: FunctionRegistry,
) -> Prediction:
    """ML.EVALUATE names no label: it is the source's column of an output's name, and fractions are a regression."""
    asked = _inputs(prediction, catalog)
    labels = [c.name for c in schema if f"{c.name}0" in outputs and c.name not in asked]
    if not labels:
        raise AnalysisError(
            f"the input of {prediction.model} has no column of an output's name, which would be the label",
            hint="ML_EVALUATE(TABLE s, MODEL m, DESCRIPTOR(label), DESCRIPTOR(…), 'regression') names it",
            span=prediction.span,
        )
    answer = analyze_expression(outputs[f"{labels[0]}0"], SchemaScope(schema), registry).type
    task = "regression" if is_numeric(answer) and answer not in (INTEGER, BIGINT) else "classification"
    return replace(prediction, label=labels[0], task=task)


def _overload(prediction: Prediction, catalog: Catalog, registry: FunctionRegistry) -> Overload:
    if prediction.settings and _model_name(prediction.model) not in catalog.models and registry.find(prediction.model):
        raise Unsupported(
            f"model {prediction.model} is declared in a file, and its calls have no settings",
            hint="CREATE MODEL registers one",
            span=prediction.span,
        )
    function = registry.find(prediction.settings.of(prediction.model))
    overloads = function.overloads if isinstance(function, ScalarFunction) else ()
    if not overloads or not isinstance(overloads[0].implementation, ModelCall):
        raise UnknownName(
            f"model {prediction.model} does not exist", hint="SHOW MODELS lists what there is", span=prediction.span
        )
    return overloads[0]


def _by_name(prediction: Prediction, columns: list[str], catalog: Catalog) -> tuple[str, ...]:
    """ML.PREDICT names no columns: the model's inputs are found among the source's by name."""
    names = _inputs(prediction, catalog)
    missing = [name for name in names if name not in columns]
    if missing or not names:
        raise AnalysisError(
            f"the input of model {prediction.model} has no column {', '.join(missing)}".rstrip(),
            hint="ML_PREDICT(TABLE s, MODEL m, DESCRIPTOR(…)) names the columns",
            span=prediction.span,
        )
    return names


def _inputs(prediction: Prediction, catalog: Catalog) -> tuple[str, ...]:
    """What a registered model takes, by name."""
    entry = catalog.models.get(_model_name(prediction.model))
    return tuple(name for name, _ in entry.default.inputs) if entry is not None else ()


def _model_name(called: str) -> str:
    return called.partition("@")[0].partition("$")[0]


def _identifier(name: str) -> exp.Identifier:
    return exp.Identifier(this=name, quoted=PLAIN_NAME.match(name) is None)
