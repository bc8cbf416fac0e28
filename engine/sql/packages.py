"""The packages that a user's function needs, as pip names them: `pillow>=11`, `httpx[http2]`.

A function whose packages are not there is known all the same: the statement that calls it is refused, with what to install.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from packaging.requirements import InvalidRequirement, Requirement

from ..errors import Span, UserError


def packages_of(texts: Sequence[str], label: str) -> tuple[str, ...]:
    """The requirements, each as it is written. Raises UserError where one is none."""
    return tuple(str(_requirement(text, label)) for text in texts)


def _requirement(text: str, label: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        raise UserError(
            f"function {label}: '{text}' names no package", detail=why, hint="as pip takes it: 'pillow>=11'"
        ) from None


def check_packages(label: str, packages: Sequence[str], span: Span | None = None) -> None:
    """Raise UserError where some are not installed, or of another version."""
    absent = [
        f"{package} ({found or 'not installed'})" for package in packages if (found := _instead(package)) is not None
    ]
    if absent:
        raise UserError(
            f"function {label} needs packages that are not there",
            detail=", ".join(absent),
            hint=f"pip install {' '.join(repr(package) for package in packages)}, where the server runs",
            span=span,
        )


@lru_cache(256)  # what a process has imported stays as it is
def _wanted(package: str) -> Requirement:
    return Requirement(package)


def _instead(package: str) -> str | None:
    """None where the package is there, else what is: its version, or nothing ('')."""
    wanted = _wanted(package)
    if wanted.marker is not None and not wanted.marker.evaluate():
        return None
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return ""
    return None if wanted.specifier.contains(found, prereleases=True) else f"{found} is installed"
