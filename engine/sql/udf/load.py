"""User functions from files in a folder and from the text of CREATE FUNCTION.

A file is ordinary Python: whatever it defines with `@udf`, `@udaf`, `@udtf` or `model_function` becomes a SQL function.
A function's text may define helpers beside it; the function itself needs no decorator, only annotations.
"""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from ...errors import UserError
from ..functions import AggregateFunction, ArrowFunction, Function, FunctionRegistry, ScalarFunction, TableFunction
from ..packages import check_packages, packages_of
from ..types import SqlType
from .declare import udf
from .modules import SHIPPED_PACKAGE, module_of_text, package_of_files

SHIPPED = Path(__file__).resolve().parents[3] / "udfs"


def shipped_functions() -> list[Function]:
    """Those of the package `mergus.udfs`."""
    functions: list[Function] = []
    for file in sorted(SHIPPED.glob("[!_]*.py")):
        functions += functions_in(importlib.import_module(f"{SHIPPED_PACKAGE}.{file.stem}"))
    return merged(functions)


def load_functions(path: Path) -> list[Function]:
    """The functions of every `*.py` in the folder `path` (or of that one file), by name; raises UserError for a file
    that does not run, naming the file and line. Files that begin with `_` are left to be imported by the others."""
    return merged(function for functions in functions_by_file(path).values() for function in functions)


def functions_by_file(path: Path) -> dict[str, list[Function]]:
    """The same, by the file's name."""
    files = [path] if path.is_file() else sorted(path.glob("*.py"))
    made = {}
    for file, name in zip(files, _modules(files), strict=True):
        if path.is_file() or not file.name.startswith("_"):
            made[file.name] = functions_in(_import(file, name))
    return made


def _modules(files: Sequence[Path]) -> list[str]:
    try:
        return package_of_files(files)
    except (OSError, UnicodeDecodeError) as why:
        raise UserError("the functions' files cannot be read", detail=str(why)) from None


def functions_in(module: ModuleType) -> list[Function]:
    """The functions that a module defines, in order."""
    found: dict[int, Function] = {}
    for value in vars(module).values():
        entry = _entry(value)
        if entry is not None:
            found[id(value)] = entry
    return list(found.values())


def _entry(value: Any) -> Function | None:
    make = getattr(value, "sql_function", None)
    if make is None or isinstance(value, type):
        return None
    entry = make()
    return entry if isinstance(entry, ScalarFunction | AggregateFunction | TableFunction) else None


def _import(file: Path, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except UserError as error:
        raise UserError(f"{file.name}: {error.message}", detail=error.detail, hint=error.hint) from error
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        beside = missing is not None and file.with_name(f"{missing}.py").exists()
        hint = f"files of the folder are imported from it: from . import {missing}" if beside else None
        raise UserError(f"{file.name} does not run", detail=_reason(error, str(file.resolve())), hint=hint) from error


def function_from_source(
    name: str,
    source: str,
    *,
    params: Sequence[SqlType] | None = None,
    returns: SqlType | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Function:
    """The function `name` that a CREATE FUNCTION's text defines. The types that the statement declares (`params`,
    `returns`) stand above annotations, for a function without a decorator; so do `options`, those of `udf`. Raises UserError
    where the text does not compile or run, or does not define it."""
    packages = packages_of(options.get("packages", ()), name)
    check_packages(name, packages)  # its text may import them
    place = f"<function {name}>"
    try:
        module = module_of_text(name.lower(), place, _dedented(source))
    except SyntaxError as error:
        text = (error.text or "").rstrip()
        raise UserError(
            f"function {name}: {error.msg} in line {error.lineno}",
            detail=text.strip() or None,
            hint="it must be Python",
        ) from error
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"function {name}: its text does not run", detail=_reason(error, place)) from error
    made = _named(name, module, params, returns, options)
    check_packages(name, made.packages)  # that its own decorator names
    return replace(made, packages=tuple(dict.fromkeys(made.packages + packages)))


def _named(
    name: str,
    module: ModuleType,
    params: Sequence[SqlType] | None,
    returns: SqlType | None,
    options: Mapping[str, Any],
) -> Function:
    found = {key.upper(): value for key, value in vars(module).items() if callable(value) and not key.startswith("__")}
    value = found.get(name.upper())
    if value is None:
        defined = ", ".join(sorted(found)) or "nothing"
        raise UserError(
            f"function {name} is not defined in its text", detail=f"it defines {defined}", hint=f"def {name.lower()}(…)"
        )
    entry = _entry(value)
    if entry is None:
        declared = None if params is None else [str(t) for t in params]
        result = None if returns is None else str(returns)
        entry = udf(value, name=name.upper(), params=declared, returns=result, **options).sql_function()
    elif more := [option for option in options if option != "packages"]:
        raise UserError(f"function {name}: its decorator says {', '.join(more)}", hint="leave it out of WITH")
    return replace(entry, name=name.upper())


def _dedented(source: str) -> str:
    return textwrap.dedent(source.strip("\n").rstrip())


def _reason(error: BaseException, file: str) -> str:
    """`NameError: … (line 3)`, the line being that of the user's own file."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    text = f"{type(error).__name__}: {error}"
    return text if line is None else f"{text} (line {line})"


def merged(functions: Iterable[Function]) -> list[Function]:
    """Functions of one name and kind as one, with all their overloads."""
    by_name: dict[str, Function] = {}
    for function in functions:
        known = by_name.get(function.name)
        if known is None:
            by_name[function.name] = function
        elif type(known) is type(function):
            packages = tuple(dict.fromkeys(known.packages + function.packages))
            by_name[function.name] = replace(known, overloads=known.overloads + function.overloads, packages=packages)  # type: ignore[arg-type]
        else:
            raise UserError(f"function {function.name} is defined twice, as different kinds of function")
    return list(by_name.values())


def trusted(function: Function) -> Function:
    """The function as one that ships: its vectorised calls need no process of their own."""
    if not isinstance(function, ScalarFunction):
        return function
    overloads = []
    for overload in function.overloads:
        made = overload.implementation
        overloads.append(
            replace(overload, implementation=replace(made, users=False))
            if isinstance(made, ArrowFunction)
            else overload
        )
    return replace(function, overloads=tuple(overloads))


def add_functions(registry: FunctionRegistry, path: Path, *, replace_existing: bool = False) -> list[Function]:
    """Load a folder's functions into `registry`."""
    functions = load_functions(path)
    for function in functions:
        registry.add(function, replace=replace_existing)
    return functions
