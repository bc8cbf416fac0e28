"""Users' modules: the files of a folder, or the text of a statement, as modules of this process.

They are made from their texts, which go along with what is sent of them to another process: there the module is made again, once,
with clients, locks and connections of its own, which could not be sent. A folder is a package, so that its files may import
one another (`from . import _helpers`). Its name tells the texts: another version of a file is a module beside the first.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import cloudpickle

SHIPPED_PACKAGE = f"{__name__.partition('.')[0]}.udfs"
_PREFIX = "mergus_functions_"
Texts = tuple[tuple[str, str, str], ...]
"""Of each module the name, the file and the text."""
_packages: dict[str, Texts] = {}


def package_of_files(files: Sequence[Path]) -> list[str]:
    """Make a package of these files; gives the names of its modules. Raises OSError where one cannot be read,
    UnicodeDecodeError where it is no text."""
    texts = tuple(
        (file.stem.replace(".", "_"), str(file.resolve()), file.read_text(encoding="utf-8-sig")) for file in files
    )
    package = _known(texts)
    return [f"{package}.{name}" for name, _, _ in texts]


def module_of_text(name: str, place: str, text: str) -> ModuleType:
    """The module of a text alone; `place`: what its lines are said to be of. Raises whatever it raises."""
    return importlib.import_module(f"{_known(((name, place, text),))}.{name}")


def _known(texts: Texts) -> str:
    package = _PREFIX + hashlib.sha256(repr(texts).encode()).hexdigest()[:16]
    _packages.setdefault(package, texts)
    return package


class _OfText(Loader):
    """Makes one module; `file` and `text` None: the package's own."""

    def __init__(self, file: str | None, text: str | None) -> None:
        self._file = file
        self._text = text

    def exec_module(self, module: ModuleType) -> None:
        if self._file is not None and self._text is not None:
            module.__file__ = self._file
            exec(compile(self._text, self._file, "exec"), module.__dict__)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        texts = _packages.get(package)
        if texts is None:
            return None
        if not name:
            return ModuleSpec(fullname, _OfText(None, None), is_package=True)
        found = next(((file, text) for known, file, text in texts if known == name), None)
        return None if found is None else ModuleSpec(fullname, _OfText(*found), origin=found[0])


sys.meta_path.append(_Finder())


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles what users' modules define by the module's texts and its name there; what has none, as cloudpickle does."""

    def reducer_override(self, obj: Any) -> Any:
        place = _place(obj) if isinstance(obj, FunctionType | type) else None
        return super().reducer_override(obj) if place is None else (_found_again, place)


def dumps(value: Any) -> bytes:
    """As bytes that `pickle.loads` reads, in any process of the engine."""
    buffer = io.BytesIO()
    Pickler(buffer).dump(value)
    return buffer.getvalue()


def _place(obj: Callable[..., Any]) -> tuple[Texts, str, str] | None:
    module, name = getattr(obj, "__module__", None) or "", getattr(obj, "__qualname__", "")
    package = module.partition(".")[0]
    known = package in _packages or module.startswith(f"{SHIPPED_PACKAGE}.")
    if not known or module not in sys.modules or "<locals>" in name:
        return None
    return (_packages.get(package, ()), module, name) if _attribute(sys.modules[module], name) is obj else None


def _found_again(texts: Texts, module: str, name: str) -> Any:
    if texts:
        _known(texts)
    return _attribute(importlib.import_module(module), name)


def _attribute(module: ModuleType, name: str) -> Any:
    """What a module defines under a name, without the decorator that makes a SQL function of it."""
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return getattr(found, "python", found) if hasattr(found, "sql_function") else found
