"""`image_normalize(pixels [, means, deviations])`: pixels from 0 to 1, or around a mean as a network was trained with them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import mergus
from mergus.udfs._images import PIXELS, mapped


@mergus.udf(
    name="image_normalize",
    params=[PIXELS],
    returns=PIXELS,
    vectorized=True,
    category="MODEL",
    description="Pixels from 0 to 1; with means and deviations of red, green and blue, less the mean and by the deviation.",
    examples=[
        "SELECT image_normalize(image_decode(photo), ARRAY[0.485, 0.456, 0.406], ARRAY[0.229, 0.224, 0.225]) FROM s;"
    ],
)
def to_one(pixels: pa.Array) -> pa.Array:
    """Each value by 255."""
    return mapped(pixels, lambda values, _: values / np.float32(255))


@mergus.udf(
    name="image_normalize",
    params=[PIXELS, "ARRAY<DOUBLE>", "ARRAY<DOUBLE>"],
    returns=PIXELS,
    vectorized=True,
    category="MODEL",
)
def around(pixels: pa.Array, means: pa.Array, deviations: pa.Array) -> pa.Array:
    """Each value by 255, less its channel's mean, by its deviation; raises ValueError where there are not three of each."""
    mean, deviation = channels(means), channels(deviations)
    return mapped(pixels, lambda values, row: (values / np.float32(255) - mean[row]) / deviation[row])


def channels(numbers: pa.Array) -> np.ndarray:
    """Three numbers a row."""
    if not pc.all(pc.equal(pc.list_value_length(numbers), 3)).as_py():
        raise ValueError("means and deviations are three numbers each: of red, green and blue")
    return np.asarray(pc.list_flatten(numbers), dtype=np.float32).reshape(-1, 3)
