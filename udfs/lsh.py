"""`lsh(vector, bits)`: one id for vectors that point the same way, by random hyperplanes.

Each bit says on which side of a hyperplane through the origin a vector lies; two vectors at an angle of a degrees share a bit
with a probability of 1 - a / 180 (Charikar, Similarity estimation techniques from rounding algorithms, STOC 2002). So few
bits put more together, many keep more apart; an id of n bits is the same with that probability to the power of n.
"""

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import mergus

BITS_MAX = 256
_SEED = 20020519


@mergus.udf(
    params=["ARRAY<FLOAT>", "INT"],
    returns="STRING",
    vectorized=True,
    category="MODEL",
    description="An id in hex digits, often the same for vectors that point nearly the same way: bits of random hyperplanes.",
    examples=["SELECT lsh(m(photo), 16) AS look, COUNT(*) FROM photos GROUP BY lsh(m(photo), 16) EMIT CHANGES;"],
)
def lsh(vector: pa.Array, bits: pa.Array) -> pa.Array:
    """One id a row, NULL where the vector holds NULL; raises ValueError for fewer than 1 or more than 256 bits."""
    wanted = np.asarray(bits)
    if len(wanted) and not 1 <= wanted.min() <= wanted.max() <= BITS_MAX:
        raise ValueError(f"bits are 1 to {BITS_MAX}")
    widths = np.asarray(pc.list_value_length(vector))
    ids = np.full(len(vector), None, dtype=object)
    for width, count in {*zip(widths.tolist(), wanted.tolist(), strict=True)}:
        rows = np.flatnonzero((widths == width) & (wanted == count))
        numbers = pc.list_flatten(vector.take(pa.array(rows))).cast(pa.float64()).fill_null(np.nan)
        values = np.asarray(numbers).reshape(len(rows), width)
        sides = np.packbits(values @ _hyperplanes(width, count) > 0, axis=1)
        texts = [side.tobytes().hex()[: -(-count // 4)] for side in sides]
        whole = np.isfinite(values).all(axis=1)
        ids[rows] = [text if known else None for text, known in zip(texts, whole, strict=True)]
    return pa.array(ids, pa.string())


@lru_cache(16)
def _hyperplanes(width: int, bits: int) -> np.ndarray:
    """(width, bits), the same everywhere and always: the numbers of this generator are frozen (NEP 19)."""
    return np.random.RandomState(_SEED).standard_normal((bits, width)).T
