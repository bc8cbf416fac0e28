r"""Patterns of java.util.regex in the notations of two other engines: `regex`, which knows all that Java knows, and RE2 (in
DuckDB and Arrow), which goes through a whole column at once but has no look-around, no back-references, no possessive repeats.

Where one sign means different things the pattern says what Java means: `\w \d \s` are ASCII, but `\b` knows every letter (as
up to Java 18), a line ends at six signs, `\h \v \R` are Java's. What RE2 cannot say, or where it would choose another
match (a repeated part that may be empty), has no fast form.

>>> translate(r"user=(\w+)").fast
'user=(?P<g1>[a-zA-Z0-9_]+)'
>>> translate(r"\p{Upper}++b").exact, translate(r"\p{Upper}++b").fast
('(?V1)[A-Z]++b', None)
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from .java_classes import LINE_ENDS, PREDEFINED, CharacterSet, by_property, escaped, folded, one_of, sign_named

_END = "(?:(?=\r\n\\Z)|(?<!\r)(?=\n\\Z)|(?=[\r\x85\u2028\u2029]?\\Z))"
_LINE_START = "(?!\\Z)(?:\\A|(?<=[\n\x85\u2028\u2029]|\r(?!\n)))"
_LINE_END = f"(?<!\r(?=\n))(?=[{LINE_ENDS}]|\\Z)"
_LINE_BREAK = "(?:\r\n|[\n\x0b\f\r\x85\u2028\u2029])"
_LINE_END_LAST = f"[{LINE_ENDS}]\\z"
_NOT_ASCII = "[^\x00-\x7f]"
_WORD = "[\\p{L}\\p{Nd}_]"
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")
_OPENINGS = (*_LOOKS, "(?>", "(?:")
_REPEAT = re.compile(r"\{(\d+)(,(\d*))?\}")
_FLAGS = re.compile(r"\(\?([idmsuxU]*)(?:-([idmsuxU]+))?([:)])")
_NAMED = re.compile(r"\(\?<([A-Za-z][A-Za-z0-9]*)>")


@dataclass(frozen=True)
class Piece:
    """A part of a pattern: for `regex`, for RE2 (None: it cannot), and what is known of what it matches.

    `empty`: it may match the empty text. `unless`: `fast` is right unless one of these patterns finds something in the text.
    `groups`: the groups in it by number, and whether each takes part in every match."""

    exact: str
    fast: str | None
    empty: bool = False
    unless: frozenset[str] = frozenset()
    groups: Mapping[int, bool] = field(default_factory=dict)


@dataclass(frozen=True)
class JavaPattern:
    """A pattern translated: a Piece, where in `fast` group n is named gn. `names`: the numbers of the groups that have names."""

    exact: str
    fast: str | None
    empty: bool
    unless: frozenset[str]
    groups: Mapping[int, bool]
    names: Mapping[str, int]


@functools.lru_cache(maxsize=512)
def translate(pattern: str) -> JavaPattern:
    """Raises ValueError for what Java refuses, and for the little of Java's that has no equal here."""
    parser = _Parser(pattern)
    made = parser.alternatives("")
    if parser.at < len(pattern):
        raise parser.error("unmatched ')'")
    return JavaPattern(
        "(?V1)" + made.exact, _known_to_re2(made.fast), made.empty, made.unless, dict(made.groups), parser.names
    )


def _known_to_re2(text: str | None) -> str | None:
    """RE2 has limits of its own, on repeats and on size."""
    if text is not None:
        try:
            pc.match_substring_regex(pa.array([""]), text)
        except pa.ArrowInvalid:
            return None
    return text


def _joined(parts: Sequence[Piece], between: str, empty: bool) -> Piece:
    fast = [p.fast for p in parts if p.fast is not None]
    groups = {number: sure for p in parts for number, sure in p.groups.items()}
    return Piece(
        between.join(p.exact for p in parts),
        between.join(fast) if len(fast) == len(parts) else None,
        empty,
        frozenset().union(*(p.unless for p in parts)),
        groups,
    )


class _Parser:
    """Reads a pattern from left to right. `flags`: those in force, by their letters."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.count = text, 0, 0
        self.names: dict[str, int] = {}

    def error(self, why: str) -> ValueError:
        """What is wrong and where."""
        return ValueError(f"pattern {self.text!r}: {why} at position {self.at + 1}")

    def taken(self, sign: str) -> bool:
        """Whether that comes next; then it is read."""
        found = self.text.startswith(sign, self.at)
        self.at += len(sign) * found
        return found

    def next(self) -> str:
        """The next sign, read."""
        if self.at >= len(self.text):
            raise self.error("the pattern ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def alternatives(self, flags: str) -> Piece:
        """Up to the end or a closing parenthesis, which is left."""
        branch, flags = self._sequence(flags)
        made = [branch]
        while self.taken("|"):
            branch, flags = self._sequence(flags)
            made.append(branch)
        if len(made) == 1:
            return made[0]
        one = _joined(made, "|", any(p.empty for p in made))
        return replace(one, groups=dict.fromkeys(one.groups, False))

    def _sequence(self, flags: str) -> tuple[Piece, str]:
        """One branch, and the flags in force at its end."""
        pieces: list[Piece] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            if "x" in flags and self._skipped():
                continue
            if self.taken("\\Q"):
                pieces += self._quoted(flags)
                continue
            changed = _FLAGS.match(self.text, self.at)
            if changed and changed[3] == ")":
                self.at = changed.end()
                flags = _changed(flags, changed)
                continue
            pieces.append(self._repeated(self._atom(flags), flags))
        return _joined(pieces, "", all(p.empty for p in pieces)), flags

    def _skipped(self) -> bool:
        """White space and remarks, which a pattern with the flag x may hold."""
        found = re.compile(r"[ \t\n\x0b\f\r]+|#[^\n]*").match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found is not None

    def _quoted(self, flags: str) -> list[Piece]:
        end = self.text.find("\\E", self.at)
        text = self.text[self.at : end] if end >= 0 else self.text[self.at :]
        self.at += len(text)
        self.taken("\\E")
        pieces = [_sign(s, flags) for s in text]
        return [*pieces[:-1], self._repeated(pieces[-1], flags)] if pieces else []

    def _repeated(self, piece: Piece, flags: str) -> Piece:
        """The piece with the repeat that follows it."""
        while "x" in flags and self._skipped():
            pass
        found = _REPEAT.match(self.text, self.at)
        if found:
            self.at = found.end()
            least, repeat = int(found[1]), found[0]
        elif self.text[self.at : self.at + 1] in ("?", "*", "+"):
            repeat = self.next()
            least = int(repeat == "+")
        else:
            return piece
        how = self.next() if self.text[self.at : self.at + 1] in ("?", "+") else ""
        once = repeat in ("?", "{1}")
        fast = None if piece.fast is None or how == "+" or (piece.empty and not once) else piece.fast + repeat + how
        groups = {number: sure and least > 0 for number, sure in piece.groups.items()}
        return Piece(piece.exact + repeat + how, fast, piece.empty or least == 0, piece.unless, groups)

    def _atom(self, flags: str) -> Piece:
        if self.text[self.at] == "(":
            return self._group(flags)
        sign = self.next()
        if sign == "\\":
            return self._escape(flags)
        if sign == "[":
            made = self._set(flags)
            return Piece(made.exact, made.fast)
        if sign == ".":
            ends = "" if "s" in flags else "\n" if "d" in flags else LINE_ENDS
            return Piece(f"[^{ends}]", f"[^{ends}]") if ends else Piece("(?s:.)", "(?s:.)")
        if sign in "^$":
            return _anchor(sign, flags)
        if sign in "*+?{":
            self.at -= 1
            raise self.error(f"nothing to repeat before {sign!r}")
        return _sign(sign, flags)

    def _group(self, flags: str) -> Piece:
        """In parentheses; the sign of the flags that hold in it, or of what it is, stands first."""
        changed, named = _FLAGS.match(self.text, self.at), _NAMED.match(self.text, self.at)
        opening = next((o for o in _OPENINGS if self.text.startswith(o, self.at)), None)
        number = 0
        if changed:
            self.at, flags, opening = changed.end(), _changed(flags, changed), "(?:"
        elif opening:
            self.at += len(opening)
        elif self.text.startswith("(?", self.at) and not named:
            raise self.error("unknown kind of group")
        else:
            self.at = named.end() if named else self.at + 1
            self.count += 1
            number, opening = self.count, "("
            if named:
                self.names[named[1]] = number
        inner = self.alternatives(flags)
        if not self.taken(")"):
            raise self.error("a group is not closed")
        exact = f"{opening}{inner.exact})"
        if opening in _LOOKS or opening == "(?>":
            return Piece(exact, None, inner.empty or opening in _LOOKS, groups=inner.groups)
        fast = None if inner.fast is None else f"(?P<g{number}>{inner.fast})" if number else f"(?:{inner.fast})"
        groups = {**inner.groups, number: True} if number else inner.groups
        return Piece(exact, fast, inner.empty, inner.unless, groups)

    def _escape(self, flags: str) -> Piece:
        """What follows a backslash, outside a set."""
        sign = self.next()
        if sign in "123456789k":
            return self._back_reference(sign, flags)
        if sign == "b" and self.text.startswith("{", self.at):
            raise self.error("\\b{…} is not known here")
        if sign in _PLACES:
            return _PLACES[sign]
        if sign == "Z":
            return _anchor("$", flags.replace("m", ""))
        if sign == "R":
            return Piece(_LINE_BREAK, _LINE_BREAK)
        if sign == "X":
            return Piece("\\X", None)
        made = self._escaped_set(sign, flags)
        if made is not None:
            return Piece(made.exact, made.fast)
        return _sign(self._escaped_sign(sign), flags)

    def _back_reference(self, sign: str, flags: str) -> Piece:
        if sign == "k":
            end = self.text.find(">", self.at)
            name = self.text[self.at + 1 : end]
            if not self.text.startswith("<", self.at) or name not in self.names:
                raise self.error("\\k wants the name of a group before it, as \\k<name>")
            self.at, number = end + 1, self.names[name]
        else:
            number = int(sign)
            while self.text[self.at : self.at + 1].isdecimal() and number * 10 + int(self.text[self.at]) <= self.count:
                number = number * 10 + int(self.next())
        if number > self.count:  # as Java: a group that is not there never matches
            return Piece("(?!)", None)
        return Piece(f"(?i:\\g<{number}>)" if "i" in flags else f"\\g<{number}>", None, empty=True)

    def _escaped_set(self, sign: str, flags: str) -> CharacterSet | None:
        r"""The set that a letter stands for: `\d`, `\p{Alpha}`."""
        if sign in "pP":
            found = re.compile(r"\{([^}]+)\}|(\w)").match(self.text, self.at)
            if found is None:
                raise self.error(f"\\{sign} wants a property, as \\{sign}{{Alpha}}")
            self.at = found.end()
            made = by_property(found[1] or found[2], "i" in flags, "U" in flags)
        else:
            named = PREDEFINED.get(sign.lower())
            if named is None:
                return None
            made = by_property(_UNICODE[sign.lower()], False, True) if "U" in flags and sign in "wdsWDS" else named
        return made.negated() if sign.isupper() else made

    def _escaped_sign(self, sign: str) -> str:
        made = sign_named(sign, self.text, self.at)
        if made is None:
            raise self.error(f"\\{sign} is not known")
        self.at += made[1]
        return made[0]

    def _set(self, flags: str) -> CharacterSet:
        """A set in brackets, of which the opening one has been read; sets within it, and what several have in common (`&&`)."""
        negated = self.taken("^")
        parts: list[CharacterSet] = []
        common: list[CharacterSet] = []
        while True:
            if self.taken("&&"):
                common += [one_of(parts)] if parts else []
                parts = []
            elif self.text.startswith("]", self.at) and (parts or common):
                self.at += 1
                break
            elif self.taken("["):
                parts.append(self._set(flags))
            elif self.taken("\\Q"):
                parts += [folded(s, s, flags) for s in self.text[self.at :].split("\\E")[0]]
                self.at = min(len(self.text), (self.text + "\\E").find("\\E", self.at) + 2)
            elif not ("x" in flags and self._skipped()):
                parts.append(self._set_item(flags))
        common += [one_of(parts)] if parts else []
        made = functools.reduce(CharacterSet.intersected, common)
        return made.negated() if negated else made

    def _set_item(self, flags: str) -> CharacterSet:
        """A sign, a range of signs, or a set by its letter."""
        first = self.next()
        if first == "\\":
            letter = self.next()
            made = self._escaped_set(letter, flags)
            if made is not None:
                return made
            first = self._escaped_sign(letter)
        after = self.text[self.at + 1 : self.at + 2]
        if not self.text.startswith("-", self.at) or after in ("]", "[", ""):
            return folded(first, first, flags)
        self.at += 1
        last = self.next()
        if last == "\\":
            last = self._escaped_sign(self.next())
        if last < first:
            raise self.error(f"the range {first}-{last} is the wrong way round")
        return folded(first, last, flags)


_PLACES = {
    "b": Piece(f"(?:(?<={_WORD})(?!{_WORD})|(?<!{_WORD})(?={_WORD}))", "\\b", True, frozenset({_NOT_ASCII})),
    "B": Piece(f"(?:(?<={_WORD})(?={_WORD})|(?<!{_WORD})(?!{_WORD}))", "\\B", True, frozenset({_NOT_ASCII})),
    "A": Piece("\\A", "\\A", empty=True),
    "z": Piece("\\Z", "\\z", empty=True),
    "G": Piece("\\G", None, empty=True),
}
_UNICODE = {"w": "IsWord", "d": "Nd", "s": "IsWhite_Space"}


def _changed(flags: str, change: re.Match[str]) -> str:
    kept = set(flags + change[1]) - set(change[2] or "")
    return "".join(sorted(kept | ({"u"} if "U" in kept else set())))


def _sign(sign: str, flags: str) -> Piece:
    if "i" in flags:
        made = folded(sign, sign, flags)
        return Piece(made.exact, made.fast)
    return Piece(escaped(sign), escaped(sign))


def _anchor(sign: str, flags: str) -> Piece:
    """Where a text, or with the flag m a line, begins or ends."""
    lines, unix = "m" in flags, "d" in flags
    if sign == "^":
        start = "(?!\\Z)(?:\\A|(?<=\n))" if unix else _LINE_START
        return Piece(start, None, empty=True) if lines else Piece("\\A", "\\A", empty=True)
    if lines:
        return Piece("(?=\n|\\Z)" if unix else _LINE_END, None, empty=True)
    return Piece("(?=\n?\\Z)" if unix else _END, "\\z", True, frozenset({_LINE_END_LAST}))
