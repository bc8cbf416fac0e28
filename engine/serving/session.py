"""What belongs to one client between its statements."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Session:
    """One client's own: variables (DEFINE) and properties (SET). Used by one thread at a time."""

    variables: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
