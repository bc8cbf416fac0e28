"""Drop columns that nobody reads: a source decodes only what the query needs (`Source.wanted`).

A source keeps its columns' places, so that its schema stays the topic's; other nodes lose what is not needed, and what
reads them is renumbered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ...errors import InternalError
from ...sql.expressions import Column, Expr, columns_used, transform
from ...sql.schema import Schema
from ..logical import Aggregate, Filter, Finals, Infer, Join, Node, Project, Read, Retain, Retract, Union

Places = Mapping[int, int]
"""Where each column that is still there was → is."""


def prune_columns(root: Node) -> Node:
    """Keep all columns of the root, and of every other node those that are read.

    >>> from ..examples import clicks
    >>> source = clicks()
    >>> after = prune_columns(Project(source, (source.schema_columns()[1],), Schema(source.schema.columns[1:2])))
    >>> [source.schema.columns[i].name for i in sorted(after.input.source.wanted)]
    ['URL']
    """
    node, places = _prune(root, frozenset(range(len(root.schema))))
    if places != {i: i for i in range(len(root.schema))}:
        raise InternalError("pruning moved a column of the result")
    return node


def _prune(node: Node, needed: frozenset[int]) -> tuple[Node, Places]:
    match node:
        case Read(source=source):
            rowtime = () if source.timestamp_column is None else (source.timestamp_column,)
            wanted = needed.union(rowtime)
            return replace(node, source=replace(source, wanted=wanted)), _same(range(len(source.schema)))
        case Filter(condition=condition):
            below, places = _prune(node.input, needed | columns_used((condition,)))
            return Filter(below, _moved(condition, places)), places
        case Project():
            return _project(node, needed)
        case Infer():
            return _infer(node, needed)
        case Aggregate():
            return _aggregate(node)
        case Retract(keys=keys):
            below, places = _prune(node.input, needed | set(keys))
            return replace(node, input=below, keys=tuple(places[k] for k in keys)), places
        case Finals():
            below, places = _prune(node.input, needed)
            return Finals(below), places
        case Retain(told=told):
            read = needed | {i for i, c in enumerate(node.schema) if c.is_key}
            if told and isinstance(node.input, Filter):
                return _told(node, node.input, sorted(read))
            below, places = _prune(node.input, read if told else frozenset(range(len(node.schema))))
            return replace(node, input=below), places
        case Join():
            return _join(node, needed)
        case Union(arms=arms):
            everywhere = needed.union(*(arm.explode for arm in arms))
            pruned = [_project(arm, everywhere) for arm in arms]
            return Union(tuple(arm for arm, _ in pruned)), pruned[0][1]


def _told(node: Retain, rows: Filter, read: Sequence[int]) -> tuple[Retain, Places]:
    """A filter gives what it is given: what is read of it is a projection's."""
    columns = rows.schema.columns
    kept = Project(
        rows, tuple(Column(i, columns[i].name, columns[i].type) for i in read), Schema(tuple(columns[i] for i in read))
    )
    below, _ = _project(kept, frozenset(range(len(read))))
    return replace(node, input=below), _ranked(read)


def _project(node: Project, needed: frozenset[int]) -> tuple[Project, Places]:
    kept = sorted(needed | node.explode)
    columns = [node.columns[i] for i in kept]
    below, places = _prune(node.input, frozenset(columns_used(columns)))
    moved = _ranked(kept)
    pruned = Project(
        below,
        tuple(_moved(e, places) for e in columns),
        Schema(tuple(node.schema.columns[i] for i in kept)),
        frozenset(moved[i] for i in node.explode),
    )
    return pruned, moved


def _infer(node: Infer, needed: frozenset[int]) -> tuple[Node, Places]:
    width = len(node.input.schema)
    kept = [i for i in range(len(node.calls)) if width + i in needed]
    args = [arg for i in kept for arg in node.calls[i][1]]
    below, places = _prune(node.input, frozenset(i for i in needed if i < width) | columns_used(args))
    if not kept:
        return below, places
    calls = tuple((node.calls[i][0], tuple(_moved(a, places) for a in node.calls[i][1])) for i in kept)
    start = len(below.schema)
    moved = {**places, **{width + i: start + n for n, i in enumerate(kept)}}
    return Infer(below, calls, tuple(node.results[i] for i in kept)), moved


def _aggregate(node: Aggregate) -> tuple[Node, Places]:
    args = {i for call in node.calls for i in call.args}
    below, places = _prune(node.input, frozenset(range(node.keys)) | args)
    calls = tuple(replace(call, args=tuple(places[i] for i in call.args)) for call in node.calls)
    return replace(node, input=below, calls=calls), _same(range(len(node.schema)))


def _join(node: Join, needed: frozenset[int]) -> tuple[Node, Places]:
    width = len(node.left.schema)
    if node.match is not None:
        needed |= columns_used((node.match,))
    left, left_places = _prune(node.left, frozenset(i for i in needed if i < width) | {node.left_key, *node.primary})
    right_needed = frozenset(i - width for i in needed if i >= width) | {node.right_key}
    right, right_places = _prune(node.right, right_needed)
    start = len(left.schema)
    moved = {**left_places, **{width + was: start + now for was, now in right_places.items()}}
    left_key, right_key = left_places[node.left_key], right_places[node.right_key]
    primary = tuple(left_places[i] for i in node.primary)
    match = None if node.match is None else _moved(node.match, moved)
    made = replace(node, left=left, right=right, left_key=left_key, right_key=right_key, primary=primary, match=match)
    return made, moved


def _moved(expr: Expr, places: Places) -> Expr:
    return transform(expr, lambda e: replace(e, index=places[e.index]) if isinstance(e, Column) else None)


def _ranked(kept: Iterable[int]) -> Places:
    return {was: now for now, was in enumerate(kept)}


def _same(indices: Iterable[int]) -> Places:
    return {i: i for i in indices}
