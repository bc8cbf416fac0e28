"""TERMINATE, PAUSE and RESUME, types and functions: what follows from each."""

from __future__ import annotations

from dataclasses import replace

from ...errors import AnalysisError, Conflict, UnknownName
from ...sql.functions import Function, ScalarFunction
from ...sql.statements.statement import CreateFunction, CreateType, DropFunction, DropType, Terminate
from ...sql.udf.load import function_from_source
from ...sql.udf.options import options_of
from .change import Change, World


def _chosen(query_id: str | None, world: World) -> tuple[str, ...]:
    if query_id is None:
        return tuple(world.catalog.queries)
    return (world.catalog.query(query_id).query_id,)


def terminate(statement: Terminate, world: World) -> Change:
    """A query (or all, but for those that keep a source table) ends and its state goes; what it made stays."""
    chosen = _chosen(statement.query_id, world)
    keeping = tuple(query_id for query_id in chosen if query_id.startswith("CST_"))
    if keeping and statement.query_id is not None:
        raise Conflict(
            f"query {keeping[0]} keeps a source table and cannot be terminated", hint="drop the table instead"
        )
    chosen = tuple(query_id for query_id in chosen if query_id not in keeping)
    catalog = world.catalog.copy()
    for query_id in chosen:
        catalog.remove_query(query_id)
    return Change("Query terminated.", catalog, world.registry, _query_entity(chosen, "terminate"), terminate=chosen)


def paused(query_id: str | None, done: str, world: World) -> Change:
    """A query (or all) is paused or resumed."""
    chosen = _chosen(query_id, world)
    entity = _query_entity(chosen, "pause" if done == "paused" else "resume")
    change = Change(f"Query {done}.", world.catalog, world.registry, entity)
    return replace(change, pause=chosen) if done == "paused" else replace(change, resume=chosen)


def _query_entity(chosen: tuple[str, ...], action: str) -> tuple[str, str, str]:
    return ("query" if action != "terminate" else "terminate", chosen[0] if len(chosen) == 1 else "all", action)


def type_change(statement: CreateType | DropType, world: World) -> Change:
    """A type gets or loses its name."""
    catalog = world.catalog.copy()
    if isinstance(statement, CreateType):
        made = catalog.add_type(
            statement.name, statement.type, if_not_exists=statement.if_not_exists, span=statement.span
        )
        words = f"Registered custom type with name '{statement.name}' and SQL type {statement.type}"
        message = words if made else f"{statement.name} is already registered with type {catalog.types[statement.name]}"
        return Change(message, catalog, world.registry, ("type", statement.name, "create"), nothing=not made)
    gone = catalog.drop_type(statement.name, if_exists=statement.if_exists, span=statement.span)
    message = f"Dropped type '{statement.name}'" if gone else f"Type '{statement.name}' does not exist"
    return Change(message, catalog, world.registry, ("type", statement.name, "drop"), nothing=not gone)


def create_function(statement: CreateFunction, world: World) -> Change:
    """A function written in the statement is entered."""
    entity = ("function", statement.name, "create")
    if not world.inline_functions and not world.replaying:
        raise AnalysisError(
            "functions written in SQL are switched off on this server",
            detail="it listens beyond this machine, and such a function runs any Python",
            hint="set functions.inline = true, or put the function in a file under --functions",
            span=statement.span,
        )
    if statement.if_not_exists and world.registry.find(statement.name) is not None:
        message = f"Function {statement.name} exists already."
        return Change(message, world.catalog, world.registry, entity, nothing=True)
    if statement.name in world.shipped:
        raise Conflict(f"function {statement.name} ships with Mergus and cannot be replaced", span=statement.span)
    params = [p.type for p in statement.parameters]
    options = options_of(statement.properties)
    made = function_from_source(
        statement.name, statement.body, params=params, returns=statement.returns, options=options
    )
    function = _as_declared(statement, made)
    registry = world.registry.copy()
    registry.add(function, replace=statement.or_replace)
    return Change(f"Function {statement.name} created", world.catalog, registry, entity)


def _as_declared(statement: CreateFunction, function: Function) -> Function:
    """The function with the types that the statement gives, which must fit those of its text where that has any."""
    if not isinstance(function, ScalarFunction) or statement.returns is None:
        return function
    overload = function.overloads[0]
    params = tuple(p.type for p in statement.parameters)
    if len(params) != len(overload.params):
        raise AnalysisError(
            f"function {statement.name} is declared with {len(params)} parameters and written with {len(overload.params)}",
            span=statement.span,
        )
    for parameter, written in zip(statement.parameters, overload.params, strict=True):
        if parameter.type != written:
            raise AnalysisError(
                f"parameter {parameter.name} is declared {parameter.type} and written {written}",
                hint="int is BIGINT, float DOUBLE, str STRING; give the text the types of the declaration",
                span=statement.span,
            )
    if overload.returns != statement.returns:
        raise AnalysisError(
            f"function {statement.name} is declared to return {statement.returns} and written to return {overload.returns}",
            span=statement.span,
        )
    return function


def drop_function(statement: DropFunction, world: World) -> Change:
    """A function of the user's is forgotten."""
    entity = ("function", statement.name, "drop")
    if world.registry.find(statement.name) is None and statement.if_exists:
        message = f"Function {statement.name} does not exist."
        return Change(message, world.catalog, world.registry, entity, nothing=True)
    if world.registry.find(statement.name) is None:
        raise UnknownName(f"function {statement.name} does not exist", span=statement.span)
    if statement.name in world.shipped:
        raise Conflict(f"function {statement.name} ships with Mergus and cannot be dropped", span=statement.span)
    registry = world.registry.copy()
    del registry.functions[statement.name]
    return Change(f"Function {statement.name} dropped", world.catalog, registry, entity)
