"""What belongs to one client between its statements."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..sql.defines import substitutes
from ..sql.statements.statement import Define, ModelStatement, SetProperty, Statement, Undefine, UnsetProperty
from .results import Done
from .settings import USER, checked_property, warnings_about


def account() -> str:
    """The name of the account that this process runs in; empty where it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as containers have them
        return ""


@dataclass
class Session:
    """One client's own: variables (DEFINE) and properties (SET), and who it is where no property says so. Used by one
    thread at a time."""

    variables: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    user: str = field(default_factory=account)

    def substitutes(self, system: Mapping[str, str]) -> Callable[[], bool]:
        """Whether the variables are put in place, by these properties over the system's."""
        return lambda: substitutes({**system, **self.properties})

    def settings_of(self, statement: Statement) -> Mapping[str, str]:
        """What a statement is told beside properties: who says it, where that is kept."""
        return {USER: self.user} if isinstance(statement, ModelStatement) else {}

    def answer(self, statement: Statement, text: str) -> Done | None:
        """Carry out a statement that is of the session only; None for another. Raises UserError for a property that is
        none, or cannot have that value."""
        match statement:
            case SetProperty(name=name, value=value, span=span):
                name, value = checked_property(name, value, span)
                self.properties[name] = value
                said = f"Successfully changed local property '{name}' to '{value}'."
                return Done(text, said, warnings=warnings_about(name, value))
            case UnsetProperty(name=name):
                was = self.properties.pop(name, None)
                return Done(text, f"Successfully unset local property '{name}' (value was '{was or ''}').")
            case Define(name=name, value=value):
                self.variables[name] = value
                return Done(text, f"Variable {name} is '{value}'.")
            case Undefine(name=name):
                self.variables.pop(name, None)
                return Done(text, f"Variable {name} is not defined any more.")
            case _:
                return None
