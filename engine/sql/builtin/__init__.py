"""The functions that ship with the language, one module a family."""

from .registry import default_registry

__all__ = ["default_registry"]
