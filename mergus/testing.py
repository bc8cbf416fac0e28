"""Unit tests of functions in Python, without a server, a topic or a statement.

from mergus.testing import Failed, aggregate, call

assert call(initials, ["Grace Hopper", None]) == ["GH", None]
assert call(parsed, ["7", "x"]) == [7, Failed("ValueError: invalid literal for int() with base 10: 'x'")]
assert aggregate(spread, [3, 9, 4]) == 6
"""

from .engine.operators.tried import Failed, aggregate, call

__all__ = ["Failed", "aggregate", "call"]
