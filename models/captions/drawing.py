"""Pictures for the captions' model, drawn from a seed: one to three kinds of shapes on paper, and what is to be said of them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageDraw

COUNTS = ("one", "two", "three")
COLOURS = {"blue": (40, 80, 200), "green": (50, 150, 60), "red": (210, 40, 50), "yellow": (235, 200, 40)}
KINDS = ("circle", "square", "triangle")
WORDS = ("", *COUNTS, *COLOURS, *KINDS, *(f"{kind}s" for kind in KINDS), "and")
"""The vocabulary; the empty word ends a caption."""
WORDS_MAX = 12
"""One circle and one square and one triangle, each with its colour, and the end."""
SHAPES_MAX = 3
DRAWN_SIDE = 192
"""Drawn large and made small, so that edges are smooth."""
SIDES = (32, 40, 48, 64)


@dataclass(frozen=True)
class Picture:
    """A file, and its caption."""

    file: bytes
    caption: str


def caption(shapes: list[tuple[str, str]]) -> str:
    """What is to be said of shapes (colour and kind): the most first, then by colour and kind."""
    counted = sorted(Counter(shapes).items(), key=lambda entry: (-entry[1], entry[0]))
    parts = [f"{COUNTS[n - 1]} {colour} {kind}{'s' if n > 1 else ''}" for (colour, kind), n in counted]
    return " and ".join(parts)


def picture(random: Random) -> Picture:
    """One picture, as a PNG or JPEG file of one of several sizes."""
    paper = tuple(random.randint(225, 255) for _ in range(3))
    image = Image.new("RGB", (DRAWN_SIDE, DRAWN_SIDE), paper)
    pen = ImageDraw.Draw(image)
    kinds = [(random.choice(tuple(COLOURS)), random.choice(KINDS)) for _ in range(SHAPES_MAX)]
    shapes = [random.choice(kinds[: random.randint(1, SHAPES_MAX)]) for _ in range(random.randint(1, SHAPES_MAX))]
    for (x, y, radius), (colour, kind) in zip(_places(random, len(shapes)), shapes, strict=True):
        ink = tuple(min(255, max(0, part + random.randint(-25, 25))) for part in COLOURS[colour])
        if kind == "circle":
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
        else:
            pen.regular_polygon((x, y, radius * 1.2), 4 if kind == "square" else 3, random.randint(-12, 12), fill=ink)
    side = random.choice(SIDES)
    file = io.BytesIO()
    small = image.resize((side, side), Image.Resampling.BOX)
    if random.random() < 0.5:
        small.save(file, "PNG")
    else:
        small.save(file, "JPEG", quality=random.randint(80, 95))
    return Picture(file.getvalue(), caption(shapes))


def pictures(seed: int, count: int) -> list[Picture]:
    """As many as are wanted, the same for the same seed."""
    random = Random(seed)
    return [picture(random) for _ in range(count)]


def _places(random: Random, count: int) -> Iterator[tuple[int, int, int]]:
    """Centres and radii of shapes that neither touch nor leave the paper."""
    taken: list[tuple[int, int, int]] = []
    while len(taken) < count:
        radius = random.randint(20, 34)
        x, y = (random.randint(radius + 8, DRAWN_SIDE - radius - 8) for _ in range(2))
        if all((x - a) ** 2 + (y - b) ** 2 > (1.3 * (radius + other)) ** 2 for a, b, other in taken):
            taken.append((x, y, radius))
            yield x, y, radius
