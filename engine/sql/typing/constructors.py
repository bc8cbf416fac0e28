"""ARRAY[…], MAP(… := …) and STRUCT(… := …): the common type of the elements, and DuckDB's constructors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from ...errors import Span, TypeMismatch
from ..expressions import Call, Expr
from ..functions import SqlTemplate
from ..scope import span_of
from ..types import NULL, STRING, Array, Map, SqlType, Struct, duckdb_type
from .coercion import ARRAY_CONSTRUCTOR, MAP_CONSTRUCTOR, STRUCT_CONSTRUCTOR, coerce, common_type

_TYPED_NULL = "give one a type: CAST(NULL AS …)"


def entries(node: exp.Expression) -> list[tuple[exp.Expression, exp.Expression]]:
    """The `name := value` pairs of a constructor, however the parser has hung them."""
    found: list[exp.Expression] = []
    for name in ("keys", "expressions", "this"):
        value: Any = node.args.get(name)
        found += [v for v in (value if isinstance(value, list) else [value]) if v is not None]
    pairs = [(e.this, e.expression) for e in found if isinstance(e, exp.PropertyEQ | exp.EQ | exp.Kwarg)]
    if len(pairs) != len(found):
        raise TypeMismatch("a constructor takes name := value pairs", span=span_of(node))
    return pairs


def array(items: Sequence[Expr], span: Span | None) -> Call:
    """ARRAY[items]."""
    if not items:
        raise TypeMismatch("ARRAY[] has no elements", hint="give at least one, that its type be known", span=span)
    wanted = common_type(items, span, in_list=True)
    if wanted is None:
        raise TypeMismatch("all elements of the ARRAY are NULL", hint=_TYPED_NULL, span=span)
    made = tuple(coerce(i, wanted, span, in_list=True) for i in items)
    return Call(ARRAY_CONSTRUCTOR, made, Array(wanted), SqlTemplate(lambda a, t, r: f"[{', '.join(a)}]"), span)


def map_of(keys: Sequence[Expr], values: Sequence[Expr], span: Span | None) -> Call:
    """MAP(k := v, …); a later entry of the same key wins."""
    if not keys:
        raise TypeMismatch("MAP() has no entries", hint="give at least one, that its type be known", span=span)
    key, value = common_type(keys, span, in_list=True), common_type(values, span, in_list=True)
    if key is None or value is None:
        raise TypeMismatch("all keys or all values of the MAP are NULL", hint=_TYPED_NULL, span=span)
    made: list[Expr] = []
    for k, v in zip(keys, values, strict=True):
        made += [coerce(k, key, span, in_list=True), coerce(v, value, span, in_list=True)]
    return Call(MAP_CONSTRUCTOR, tuple(made), Map(key, value), SqlTemplate(_render_map), span)


def _render_map(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    """A NULL key of text is 'null', as JSON writes it: neither Arrow nor DuckDB has NULL keys."""
    text = types[0] is STRING
    keys = [f"coalesce({k}, 'null')" if text and not k.startswith("'") else k for k in args[::2]]
    if len(set(keys)) == len(keys) and all(k.startswith("'") and k.count("'") == 2 for k in keys):
        return f"map([{', '.join(keys)}], [{', '.join(args[1::2])}])"
    entries = [f"map([{k}], [{v}])" for k, v in zip(keys, args[1::2], strict=True)]
    return f"map_concat({', '.join(entries)})" if len(entries) > 1 else entries[0]


def struct(names: Sequence[str], values: tuple[Expr, ...], span: Span | None) -> Call:
    """STRUCT(name := value, …)."""
    if not names:
        raise TypeMismatch("STRUCT() has no fields", hint="name one: STRUCT(name := value)", span=span)
    if len(set(names)) < len(names):
        raise TypeMismatch("a STRUCT's fields have different names", span=span)
    for name, value in zip(names, values, strict=True):
        if value.type is NULL:
            raise TypeMismatch(f"the field {name} is NULL", hint=_TYPED_NULL, span=span)
    made = Struct(tuple((n, v.type) for n, v in zip(names, values, strict=True)))
    return Call(STRUCT_CONSTRUCTOR, values, made, SqlTemplate(_render_struct), span)


def _render_struct(args: Sequence[str], types: Sequence[SqlType], result: SqlType) -> str:
    return "{" + ", ".join(f"'f{i}': {a}" for i, a in enumerate(args)) + "}"


def empty(sql_type: Array | Map) -> Call:
    """ARRAY[] or MAP() of a type that is known from where it stands."""
    kind, text = (ARRAY_CONSTRUCTOR, "[]") if isinstance(sql_type, Array) else (MAP_CONSTRUCTOR, "MAP {}")
    return Call(kind, (), sql_type, SqlTemplate(lambda a, t, r: f"CAST({text} AS {duckdb_type(r)})"))


EMPTY_STRUCT = Call(STRUCT_CONSTRUCTOR, (), Struct(()), SqlTemplate(_render_struct))
