"""Training lines: templates filled at random, with what each character is for.

Three sources: templates written by hand (`templates.txt`), combinations of verbs and objects (`compose`), and lines
captured from real programs (`captured.tsv`), scrubbed of the machine they came from. A line comes with a role a
character: part of the meaning, not part of it, or a wording of one of the phrases in `phrases.txt`. Everything is drawn
from one seeded generator, so the same seed gives the same corpus.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from . import slots

HERE = Path(__file__).parent
LABELS = ("failure", "warning", "security", "performance", "lifecycle", "access", "normal")
DROP, KEEP, FIRST_PHRASE = 0, 1, 2
"""Roles of characters; a phrase's role is FIRST_PHRASE + its index in PHRASES."""


@dataclass(frozen=True)
class Template:
    """One kind of line. `text` is in the markup of templates.txt, or a captured line when `literal`."""

    label: str
    text: str
    source: str
    literal: bool = False
    meaning: str = ""
    """Templates with one meaning say the same in other words; "" for a meaning of its own."""

    @property
    def held_out(self) -> bool:
        """One template in eight never takes part in training."""
        return zlib.crc32(self.text.encode()) % 8 == 0


@dataclass(frozen=True)
class Line:
    """A line with one role a character."""

    text: str
    roles: tuple[int, ...]


def _read_phrases() -> dict[str, list[str]]:
    rows = [line for line in (HERE / "phrases.txt").read_text("utf-8").splitlines() if line and line[0] != "#"]
    return {r.split(":", 1)[0]: [w.strip() for w in r.split(":", 1)[1].split("|")] for r in rows}


PHRASES = _read_phrases()
# Both say that something did not work, whichever side of the verb they stand on.
PHRASE_ROLE = {name: FIRST_PHRASE + i for i, name in enumerate(PHRASES)} | {"failed": FIRST_PHRASE}


def templates(seed: int = 7) -> list[Template]:
    """All templates: written, composed and captured."""
    found: list[Template] = []
    label = ""
    for row in (HERE / "templates.txt").read_text("utf-8").splitlines():
        if row.startswith("["):
            candidate = row.strip("[]")
            if candidate in LABELS:
                label = candidate
                continue
        if (row and row[0] != "#") or row.startswith("# Query_time"):
            found.append(Template(label, row, "written"))
    found += compose(Random(seed), 900)
    for row in (HERE / "captured.tsv").read_text("utf-8").splitlines():
        source, kind, text = row.split("\t", 2)
        found.append(Template(kind, text, source, literal=True))
    return found


SHAPES = (
    ("failure", "~fail_to~ {base} {object} {{{slot}}}<<: {{reason}}>>"),
    ("failure", "~fail_to~ {base} {object}<< {{{slot}}}>><<: {{reason}}>>"),
    ("failure", "Error {ing} {object}<< {{{slot}}}>><<: {{reason}}>>"),
    ("failure", "Exception while {ing} {object}<< {{{slot}}}>><<: {{exception}}: {{reason}}>>"),
    ("failure", "{Object} {{{slot}}} could not be {past}<<: {{reason}}>>"),
    ("failure", "{Ing} {object} {{{slot}}} ~failed~<<: {{reason}}>>"),
    ("failure", "error: {ing} {object}: {{reason}}"),
    ("warning", "{Object} {{{slot}}} was not {past}, ~retrying~<< in {{dur}}>>"),
    ("warning", "{Object} {{{slot}}} is already {past}, skipping"),
    ("performance", "{Ing} {object} {{{slot}}} took {{dur}}"),
    ("performance", "Slow {object}: {ing} took {{dur}}<< (limit {{dur}})>>"),
    ("normal", "{Ing} {object} {{{slot}}}"),
    ("normal", "{Past} {object} {{{slot}}}<< in {{dur}}>>"),
    ("normal", "{Object} {{{slot}}} {past}<< by {{user}}>>"),
    ("normal", "Successfully {past} {object} {{{slot}}}"),
    ("normal", "{Past} {{num}} {object}s, {{zero}} failed"),
    ("normal", "No errors while {ing} {object} {{{slot}}}"),
)


def compose(r: Random, count: int) -> list[Template]:
    """Templates of a verb and an object in the usual shapes, so that a wording is met in many contexts."""
    verbs, objects = [v.split() for v in slots.LISTS["verbs"]], slots.LISTS["objects"]
    made: dict[str, Template] = {}
    while len(made) < count:
        (base, ing, past), thing, (label, shape) = r.choice(verbs), r.choice(objects), r.choice(SHAPES)
        slot = r.choice(["name", "num", "uuid", "hex", "path", "word"])
        text = shape.format(
            base=base,
            ing=ing,
            past=past,
            object=thing,
            slot=slot,
            Ing=ing.capitalize(),
            Past=past.capitalize(),
            Object=thing.capitalize(),
        )
        meaning = f"{label} {base} {thing}" if label in ("failure", "performance") else ""
        made.setdefault(text, Template(label, text, "composed", meaning=meaning))
    return list(made.values())


_MARKUP = re.compile(r"<<|>>|~(\w+)~|\{(\w+)\}")


def fill(template: Template, r: Random, *, optional: float = 0.5, surround: bool = True) -> Line:
    """One line of a template. `optional`: how likely each optional part is; `surround`: with headers and tails at random."""
    pieces = _captured(template.text) if template.literal else _written(template.text, r, optional)
    if surround:
        pieces = _surround(pieces, template, r)
    text = "".join(p for p, _ in pieces)
    roles = tuple(role for p, role in pieces for _ in p)
    return Line(text, roles)


def _written(text: str, r: Random, optional: float) -> list[tuple[str, int]]:
    pieces: list[tuple[str, int]] = []
    at, inside, shown = 0, False, True
    for found in _MARKUP.finditer(text):
        _add(pieces, text[at : found.start()], DROP if inside else KEEP, shown)
        at = found.end()
        if found.group() == "<<":
            inside, shown = True, r.random() < optional
        elif found.group() == ">>":
            inside, shown = False, True
        elif found.group(1):
            first, _, rest = r.choice(PHRASES[found.group(1)]).partition(" ")
            _add(pieces, first, DROP if inside else PHRASE_ROLE[found.group(1)], shown)
            _add(pieces, " " + rest if rest else "", DROP, shown)
        elif found.group(2) in slots.SLOTS:
            _add(pieces, slots.SLOTS[found.group(2)](r), DROP, shown)
        else:
            _add(pieces, found.group(), KEEP, shown)
    _add(pieces, text[at:], KEEP, shown)
    return pieces


def _add(pieces: list[tuple[str, int]], text: str, role: int, shown: bool) -> None:
    if shown and text:
        pieces.append((text, role))


# What is never part of a captured line's meaning: where it came from, quoted values, values after `=`, context tails.
_ASIDE = re.compile(
    r"^(?:\[[^\]]*\]:?\s*)+|\"[^\"]*\"|'[^']*'|(?<==)[^\s,;()\[\]{}\"']+| \[preauth\]|, client: .*|\b(?:[a-z]+\.)+(?=[A-Z])"
)


def _captured(text: str) -> list[tuple[str, int]]:
    pieces: list[tuple[str, int]] = []
    at = 0
    for found in _ASIDE.finditer(text):
        _add(pieces, text[at : found.start()], KEEP, True)
        _add(pieces, found.group(), DROP, True)
        at = found.end()
    _add(pieces, text[at:], KEEP, True)
    return pieces


LEVELS = {
    "failure": ["ERROR", "ERROR", "FATAL", "error", "SEVERE", "CRITICAL", "E", "WARN", "INFO"],
    "warning": ["WARN", "WARNING", "warn", "W", "WARN", "INFO"],
}
CALM = ["INFO", "INFO", "info", "DEBUG", "debug", "TRACE", "I", "NOTICE", "LOG"]


def header(label: str, r: Random) -> str:
    """A log header in front of a message: time, level, thread, origin, in one of the usual orders."""
    level, clock = r.choice(LEVELS.get(label, CALM)), slots.timestamp(r)
    origin = r.choice([slots.class_name(r), slots.name(r), "kernel", "app", "server"])
    thread = slots.SLOTS["thread"](r)
    day = f"{slots.pick(r, 'months')} {r.randint(1, 28):2}"
    syslog = f"{day} {r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"
    return r.choice(
        [
            f"{clock} {level} ",
            f"{clock} {level} [{thread}] {origin} - ",
            f"{clock} [{thread}] {level} {origin}: ",
            f"[{clock}] {level} {origin} : ",
            f"[{clock}] [{level}] ",
            f"{level}: ",
            f"[{level}] ",
            f"{level} {origin}: ",
            f"{syslog} {slots.word(r)} {origin}[{slots.number(r)}]: ",
            f"{clock} {level} {slots.number(r)} --- [{thread}] {origin} : ",
            f"{origin}: ",
            f"[{origin}] ",
            f"[{thread}] ",
            "Caused by: ",
            f'Exception in thread "{thread}" ',
            f"[{origin} id={slots.number(r)}] ",
            f"{level[0].upper()}{slots.number(r)} {clock} {origin}.go:{slots.number(r)}] ",
            f"time={clock} level={level.lower()} msg=",
        ]
    )


def _surround(pieces: list[tuple[str, int]], template: Template, r: Random) -> list[tuple[str, int]]:
    if r.random() < 0.35:
        pieces = [(header(template.label, r), DROP), *pieces]
    if template.label == "failure" and not template.literal and r.random() < 0.15:
        tail = r.choice(slots.LISTS["tails"])
        pieces = [*pieces, (tail.format(slots.reason(r)), DROP)]
    if r.random() < 0.08:
        pairs = [
            f"{slots.word(r)}={r.choice([slots.number(r), slots.word(r), slots.hexadecimal(r)])}"
            for _ in range(r.randint(1, 4))
        ]
        pieces = [
            *pieces,
            (r.choice([" {}", " ({})", " [{}]", ", {}"]).format(r.choice([" ", ", "]).join(pairs)), DROP),
        ]
    return pieces


def corpus(chosen: Sequence[Template], r: Random, per_written: int, per_captured: int) -> Iterable[tuple[int, Line]]:
    """(index of the template, line) for every template; captured lines vary in their headers only."""
    for index, template in enumerate(chosen):
        for _ in range(per_captured if template.literal else per_written):
            yield index, fill(template, r)
