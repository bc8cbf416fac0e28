"""Modules of users' functions, which exist in the process that loaded them only: how they travel to others."""

from __future__ import annotations

import sys

import cloudpickle

USER_MODULES = "mergus_function"
"""How their names begin."""


def user_modules_by_value() -> None:
    """Have what they define be pickled as it is, not by its name."""
    for name, module in list(sys.modules.items()):
        if name.startswith(USER_MODULES):
            cloudpickle.register_pickle_by_value(module)
