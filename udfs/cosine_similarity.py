"""`cosine_similarity(a, b)`: how alike two vectors point, from -1 to 1; NULL where one of them is zero or holds NULL."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import mergus


@mergus.udf(
    params=["ARRAY<FLOAT>", "ARRAY<FLOAT>"],
    returns="DOUBLE",
    vectorized=True,
    category="MODEL",
    description="The cosine of the angle between two vectors of one length.",
    examples=["SELECT cosine_similarity(embed(message), embed('disk is full')) FROM logs EMIT CHANGES;"],
)
def cosine_similarity(a: pa.Array, b: pa.Array) -> pa.Array:
    """One cosine a row; raises ValueError where lengths differ."""
    if not pc.all(pc.equal(pc.list_value_length(a), pc.list_value_length(b))).as_py():
        raise ValueError("the vectors have different lengths")
    row = np.asarray(pc.list_parent_indices(a))
    left, right = (np.asarray(pc.list_flatten(v).cast(pa.float64()).fill_null(np.nan)) for v in (a, b))

    def by_row(values: np.ndarray) -> np.ndarray:
        return np.bincount(row, weights=values, minlength=len(a))

    lengths = np.sqrt(by_row(left * left) * by_row(right * right))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = by_row(left * right) / lengths
    return pa.array(cosine, mask=~np.isfinite(cosine))
