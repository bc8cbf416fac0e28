"""Draws users of phones: what device they hold, which apps they have, which advertisements they have seen, and whether
they buy a car in the three months after.

Nothing here is of real people. Who buys follows from what nobody sees (a need for a car, and the money for one), which colours
what is seen; so features speak together, and a rare app says something only through the others of its kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import exp
from random import Random

KINDS = ("car", "driving", "bank", "family", "travel", "game", "music", "shop", "news", "work", "sport", "food")
APPS_A_KIND = 160
DEVICES = [f"{maker}/{model}" for maker in ("alto", "brio", "celo", "dova", "esta") for model in range(1, 13)]
"""Ordered by price: the last are the dearest."""
TOPICS = ("suv", "small-car", "used-car", "car-loan", "insurance", "phone", "holiday", "shoes", "school", "game")
SPREAD = list(accumulate(1 / n for n in range(1, APPS_A_KIND + 1)))
"""A few apps that all have, and many that few have."""
NEAR = {"car": 2.2, "driving": 1.4, "bank": 0.8, "family": 0.7}
"""How much more of a kind's apps somebody has who needs a car."""


@dataclass(frozen=True)
class Person:
    """What is known of a user, and what came of it."""

    device: str
    apps: list[str]
    ads: list[str]
    buys: bool


def people(count: int, seed: int) -> Iterator[Person]:
    """`count` users; the same seed gives the same ones."""
    random = Random(seed)
    for _ in range(count):
        need, money = random.gauss(0, 1), random.gauss(0, 1)
        device = DEVICES[
            min(len(DEVICES) - 1, max(0, int(len(DEVICES) * (0.5 + 0.22 * money + random.gauss(0, 0.12)))))
        ]
        apps = _apps(random, need)
        ads = [_ad(random, need) for _ in range(random.randint(0, 18))]
        chance = 1 / (1 + exp(3.2 - 2.4 * need - 1.1 * money - 1.3 * max(0.0, need) * max(0.0, money)))
        yield Person(device, apps, ads, random.random() < chance)


def _apps(random: Random, need: float) -> list[str]:
    weights = [exp(NEAR.get(kind, 0.0) * need * 0.6) for kind in KINDS]
    found: dict[str, None] = {}
    for _ in range(random.randint(3, 24)):
        kind = random.choices(KINDS, weights)[0]
        number = random.choices(range(1, APPS_A_KIND + 1), cum_weights=SPREAD)[0]
        found[f"app.{kind}{number}"] = None
    return list(found)


def _ad(random: Random, need: float) -> str:
    near = [exp(0.9 * need) if i < 5 else 1.0 for i in range(len(TOPICS))]
    topic = random.choices(TOPICS, near)[0]
    clicks = random.random() < (0.06 + 0.2 / (1 + exp(1.5 - 1.6 * need)) if topic in TOPICS[:5] else 0.08)
    return f"{topic}/{'click' if clicks else 'view'}"
