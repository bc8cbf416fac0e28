"""The expressions of a version's TRANSFORMs as text, for whoever asks the version.

Who asks reads it from a file or from a request, and need not know the functions that users have brought: so the typed
expressions travel with the version, packed. They are packed anew from the statement at each start.
"""

from __future__ import annotations

import base64
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...sql.transform import Transform
from ...sql.udf.modules import dumps

if TYPE_CHECKING:
    from ...sql.expressions import Expr


def packed_sides(transforms: Mapping[str, Transform]) -> dict[str, str]:
    """The expressions of each side, with the functions of users that they call."""
    return {side: base64.b64encode(dumps(t.expressions)).decode() for side, t in transforms.items()}


def unpacked(text: str) -> tuple[Expr, ...]:
    """The expressions of a side. Only for texts of the server of this data folder."""
    made: tuple[Expr, ...] = pickle.loads(base64.b64decode(text))
    return made
