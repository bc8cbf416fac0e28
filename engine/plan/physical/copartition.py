"""Topics that are joined have equal numbers of partitions, as in ksqlDB.

The engine sends rows to the owner of their key itself, so a join would find its partners anyway; but a row is late, and
a window closed, by the stream time of its partition, and that is the same time for both sides only where partitions
correspond. A foreign-key join has no such times.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Protocol

from ...errors import AnalysisError
from ..logical import Aggregate, Join, Node, Read, inputs
from .steps import Source


class Topic(Protocol):
    """What is known of a topic (`io.topics.TopicInfo` is one)."""

    @property
    def partitions(self) -> int:
        """How many it has."""
        ...


def check_partitions(root: Node | None, describe: Callable[[str], Topic | None]) -> None:
    """Raise AnalysisError for a join of two topics with different numbers of partitions; `describe` gives a topic, None
    where there is none."""
    if root is None:
        return
    if isinstance(root, Join) and not root.primary:
        for left, right in product(_partitioned(root.left), _partitioned(root.right)):
            _check_pair(left, right, describe)
    for child in inputs(root):
        check_partitions(child, describe)


def _partitioned(node: Node) -> list[Source]:
    """The sources whose partitions a side's rows lie in; groups lie where their key says."""
    if isinstance(node, Read):
        return [node.source]
    return [] if isinstance(node, Aggregate) else [source for child in inputs(node) for source in _partitioned(child)]


def _check_pair(left: Source, right: Source, describe: Callable[[str], Topic | None]) -> None:
    ours, theirs = describe(left.topic), describe(right.topic)
    if ours is not None and theirs is not None and ours.partitions != theirs.partitions:
        raise AnalysisError(
            f"cannot join {left.name} with {right.name}: their numbers of partitions differ",
            detail=f"the topic {left.topic} has {ours.partitions}, the topic {right.topic} has {theirs.partitions}",
            hint=f"copy one of them first: … WITH (PARTITIONS = {theirs.partitions}) AS SELECT * FROM {left.name}",
        )
