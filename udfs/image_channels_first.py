"""`image_channels_first(pixels)`: pixels as [3, height, width], for models that take all red before all green and all blue."""

import numpy as np
import pyarrow as pa

import mergus
from mergus.udfs._images import PIXELS, in_lists


@mergus.udf(
    params=[PIXELS],
    returns="ARRAY<ARRAY<ARRAY<FLOAT>>>",
    vectorized=True,
    category="MODEL",
    description="Pixels as three planes, of red, green and blue, each an array of rows.",
    examples=["SELECT resnet(image_channels_first(image_normalize(image_decode(photo)))) FROM photos EMIT CHANGES;"],
)
def image_channels_first(pixels: pa.Array) -> pa.Array:
    """One array of planes a row."""
    # A loop, because images of a column may differ in size: each is turned as a whole.
    turned = [
        np.asarray(one.flatten().flatten()).reshape(len(one), -1, 3).transpose(2, 0, 1) for one in map(rows, pixels)
    ]
    heights = np.repeat([t.shape[1] for t in turned], 3)
    widths = np.repeat([t.shape[2] for t in turned], 3 * np.array([t.shape[1] for t in turned], dtype=np.int64))
    flat = pa.array(np.concatenate([t.reshape(-1) for t in turned]) if turned else [], pa.float32())
    return in_lists(flat, [np.full(len(turned), 3), heights, widths])


def rows(pixels: pa.Scalar) -> pa.Array:
    """One image's rows."""
    return pixels.values
