"""From a log line to tokens, twice: as TensorFlow operations that go into every artefact, and in Python for labels.

A saved model takes text, so that whoever loads it needs nothing else. The steps are a handful of RE2 passes over whole
columns (about 8 µs a line): what looks like a parameter becomes `#`, words of a camel-case name part, punctuation that
says something (`:` `=` quotes, brackets, `/` `,` and `~` for the dot of a dotted name) stands alone, the rest goes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

BYTES_MAX = 1024
"""Longer lines are cut: what a line means stands at its beginning."""
HASHES = 262_144
"""Words are known by a hash of this many values; a word never seen meets a known one once in twenty times."""

_D = r"\s=,;()\[\]{}\"'<>|"  # what ends a parameter
_PARAMETER = (
    r"[A-Za-z][A-Za-z0-9+.:-]*://[^\s\"'<>]*"  # an address
    rf"|[^{_D}]+@[^{_D}]+"  # a mail address
    rf"|[^{_D}:/]*(?:/[^{_D}:/]+){{2,}}/?"  # a path of two steps or more
    r"|\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
    rf"|[^{_D}:]*\d(?:[^{_D}]*[^{_D}:.])?"  # whatever holds a digit, without a colon or full stop behind it
)
_NAME = r"[A-Za-z][^\s,;:()\[\]#]*"
_STEPS = (
    (_PARAMETER, "#"),
    (rf"\b((?:for|invalid|illegal|unknown|as|of|to|with) user) +{_NAME}", r"\1 #"),
    (rf"\b([Uu]ser|[Aa]ccount|[Ll]ogin) +{_NAME} (from|by|on|at|logged|is|was|has|not|into)\b", r"\1 # \2"),
    (rf"\bfor +{_NAME} from ", "for # from "),
    (r"([a-z])([A-Z])", r"\1 \2"),
    (r"\.\b", " ~ "),
    (r"([:=\"'(\[/,])", r" \1 "),
    (r"[^\pL#~:=\"'(\[/,]+", " "),
    (r"#(?:[ :/,]+#)+", "#"),
)


def split(text: Any) -> tf.RaggedTensor:
    """Tokens of each line of a string tensor, lower-case."""
    text = tf.strings.substr(text, 0, BYTES_MAX)
    for pattern, rewrite in _STEPS:
        text = tf.strings.regex_replace(text, pattern, rewrite)
    return tf.strings.split(tf.strings.lower(text))


def hashes(words: Any) -> Any:
    """A stable 62-bit hash of each token (FarmHash, which TensorFlow promises never to change)."""
    return tf.strings.to_hash_bucket_fast(words, 1 << 62)


# Python's `re` knows no \pL: a letter is what is a word character and neither digit nor underscore.
_PYTHON = [
    (
        re.compile(
            r"(?:[^\w#~:=\"'(\[/,]|[\d_])+" if r"\pL" in pattern else pattern, re.ASCII if r"\b" in pattern else 0
        ),
        rewrite,
    )
    for pattern, rewrite in _STEPS
]


def split_with_roles(text: str, roles: Sequence[int]) -> list[tuple[str, int]]:
    """The same tokens in Python, each with the role of the character that it came from (a token's first)."""
    text, roles = text[:BYTES_MAX], list(roles[:BYTES_MAX])
    for pattern, rewrite in _PYTHON:
        parts: list[str] = []
        kept: list[int] = []
        at = 0
        for found in pattern.finditer(text):
            parts.append(text[at : found.start()])
            kept += roles[at : found.start()]
            piece = found.expand(rewrite)
            parts.append(piece)
            kept += _spread(piece, found, roles)
            at = found.end()
        text = "".join(parts) + text[at:]
        roles = kept + roles[at:]
    return [(m.group().lower(), roles[m.start()]) for m in re.finditer(r"\S+", text)]


def _spread(piece: str, found: re.Match[str], roles: Sequence[int]) -> list[int]:
    """Roles of what a match was rewritten to: what a group kept has its own, the rest the role of the match's start."""
    spread = [roles[found.start()]] * len(piece)
    at = 0
    for group in range(1, found.re.groups + 1):
        at = piece.index(found[group], at)
        spread[at : at + len(found[group])] = roles[found.start(group) : found.end(group)]
        at += len(found[group])
    return spread
