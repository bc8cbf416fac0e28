r"""Sets of signs as java.util.regex has them, in the notations of `regex` (version 1) and of RE2.

Without the flag U, `\w`, `\p{Alpha}` and their like are ASCII; without the flag u, small and capital letters are the same
(flag i) in ASCII only, so that both stand in the set.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import regex  # type: ignore[import-untyped,unused-ignore]

LINE_ENDS = "\n\r\x85\u2028\u2029"
_SPECIAL = "\\.^$|?*+()[]{}-&~#:"


@dataclass(frozen=True)
class CharacterSet:
    """A set in both notations, complete with its brackets; `fast` is None where RE2 cannot say it. `items`: what stands
    between the brackets of a set that is not negated and holds no other."""

    exact: str
    fast: str | None
    items: str | None = None

    def negated(self) -> CharacterSet:
        """All other signs."""
        if self.items is not None:
            return CharacterSet(f"[^{self.items}]", self.fast and f"[^{self.items}]")
        return CharacterSet(f"[^{self.exact}]", None)

    def intersected(self, other: CharacterSet) -> CharacterSet:
        """The signs that are in both."""
        return CharacterSet(f"[{self.exact}&&{other.exact}]", None)


def listed(items: str) -> CharacterSet:
    """The set of what would stand between brackets, which means the same to both."""
    return CharacterSet(f"[{items}]", f"[{items}]", items)


def one_of(parts: Sequence[CharacterSet]) -> CharacterSet:
    """The signs of any of the parts."""
    items = [p.items for p in parts if p.items is not None]
    if len(parts) == 1:
        return parts[0]
    if len(items) < len(parts):
        return CharacterSet(f"[{''.join(p.exact for p in parts)}]", None)
    made = listed("".join(items))
    return made if all(p.fast for p in parts) else CharacterSet(made.exact, None, made.items)


def escaped(sign: str) -> str:
    """A sign that stands for itself, in a set and outside."""
    return "\\" + sign if sign in _SPECIAL else sign


def folded(first: str, last: str, flags: str) -> CharacterSet:
    """The signs from first to last, in both cases where the flags say so."""
    item = escaped(first) if first == last else f"{escaped(first)}-{escaped(last)}"
    if "i" not in flags:
        return listed(item)
    if "u" in flags:
        return CharacterSet(f"(?i:[{item}])", None)
    for start, end, other in (("a", "z", str.upper), ("A", "Z", str.lower)):
        low, high = max(first, start), min(last, end)
        if low <= high:
            item += other(low) if low == high else f"{other(low)}-{other(high)}"
    return listed(item)


PREDEFINED = {
    "w": listed("a-zA-Z0-9_"),
    "d": listed("0-9"),
    "s": listed(" \t\n\x0b\f\r"),
    "h": listed(" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"),
    "v": listed("\n\x0b\f\r\x85\u2028\u2029"),
}
_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": "\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"\!-\/\:-\@\[-\`\{-\~",
    "Graph": r"\!-\~",
    "Print": r" -\~",
    "Blank": " \t",
    "Cntrl": "\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": " \t\n\x0b\f\r",
}
_OF_JAVA = {
    "javaLowerCase": "Lowercase",
    "javaUpperCase": "Uppercase",
    "javaTitleCase": "Lt",
    "javaAlphabetic": "Alphabetic",
    "javaLetter": "L",
    "javaDigit": "Nd",
}
_CASES = {"Lu", "Ll", "Lt", "Lower", "Upper"}


def by_property(name: str, ignore_case: bool, unicode: bool) -> CharacterSet:
    r"""The set that `\p{name}` stands for. Raises ValueError for a name that is not known."""
    if ignore_case and name in _CASES:
        return listed("a-zA-Z") if len(name) > 2 and not unicode else listed("\\p{Lu}\\p{Ll}\\p{Lt}")
    if name in _POSIX and not unicode:
        return listed(_POSIX[name])
    if re.fullmatch(r"L|M|N|P|S|Z|C|[LMNPSZC][a-z]", name):
        return listed(f"\\p{{{name}}}")
    text = f"\\p{{{_OF_JAVA.get(name, name)}}}"
    try:
        regex.compile("(?V1)" + text)
    except regex.error as error:
        raise ValueError(f"unknown property of signs {name!r}") from error
    return CharacterSet(f"[{text}]", None, text)


_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}
_NUMBERED = (
    (re.compile(r"x\{([0-9a-fA-F]+)\}|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})"), 16),
    (re.compile(r"0([0-3][0-7]{2}|[0-7]{1,2})"), 8),
)


def sign_named(letter: str, text: str, at: int) -> tuple[str, int] | None:
    r"""The sign that a backslash and `letter` (and what stands in `text` from `at` on) mean, and how much more was read; None
    where they mean nothing.

    >>> sign_named("t", "", 0), sign_named("x", "41b", 0), sign_named(".", "", 0), sign_named("y", "", 0)
    (('\t', 0), ('A', 2), ('.', 0), None)
    """
    if letter in _CONTROLS:
        return _CONTROLS[letter], 0
    if letter == "c" and at < len(text):
        return chr(ord(text[at]) ^ 64), 1
    if letter == "N":
        named = re.compile(r"\{([^}]+)\}").match(text, at)
        return (unicodedata.lookup(named[1]), named.end() - at) if named else None
    for form, radix in _NUMBERED:
        found = form.match(letter + text[at : at + 12])
        if found:
            return _numbered(next(g for g in found.groups() if g), radix), found.end() - 1
    return None if (letter.isascii() and letter.isalpha()) or letter == "0" else (letter, 0)


def _numbered(digits: str, radix: int) -> str:
    code = int(digits, radix)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"there is no sign {digits}")
    return chr(code)
