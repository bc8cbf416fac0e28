"""What the functions of images share: files and base64 opened by Pillow, and pixels as Arrow columns.

Pixels are `ARRAY<ARRAY<FLOAT[3]>>`: rows from the top, in each its pixels from the left, in each red, green and blue from 0 to
255. That is the tensor [height, width, 3] as most image models take it.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from PIL.Image import Image

NEEDS = ["pillow>=11"]
PIXELS = "ARRAY<ARRAY<FLOAT[3]>>"
PIXELS_MAX = 64_000_000
"""A file of a few bytes may claim any size: one with more pixels is refused before they are made."""
DATA_URL = re.compile(r"\Adata:[^,]*;base64,")


def opened(image: bytes | str, *, about: int | None = None) -> Image:
    """An image file's bytes, or its base64 (also as a data: URL), upright and in red, green and blue. `about`: it will be
    made as small as this, so that a JPEG need not be decoded whole. Raises ValueError for what is no image."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if isinstance(image, str):
        image = base64.b64decode(DATA_URL.sub("", image), validate=True)
    try:
        found = Image.open(io.BytesIO(image))
        if found.width * found.height > PIXELS_MAX:
            raise ValueError(f"the image has {found.width} x {found.height} pixels, more than {PIXELS_MAX}")
        if about is not None:
            found.draft("RGB", (about, about))
        return ImageOps.exif_transpose(found).convert("RGB")
    except Image.DecompressionBombError:
        raise ValueError(f"the image has many more than {PIXELS_MAX} pixels") from None
    except UnidentifiedImageError:
        raise ValueError("no image: its format is not known") from None
    except (OSError, SyntaxError) as error:  # Pillow's words for a broken PNG are a SyntaxError
        raise ValueError(f"an image that cannot be decoded: {error}") from None


def column(images: Sequence[Image]) -> pa.Array:
    """Images as a column of pixels."""
    arrays = [np.asarray(image, dtype=np.float32) for image in images]
    flat = np.concatenate([a.reshape(-1) for a in arrays]) if arrays else np.empty(0, np.float32)
    widths = np.repeat([a.shape[1] for a in arrays], [a.shape[0] for a in arrays])
    return nested(flat, [np.array([a.shape[0] for a in arrays]), widths])


def nested(flat: np.ndarray, lengths: Sequence[np.ndarray]) -> pa.Array:
    """Values of pixels in lists of these lengths, the outer ones first."""
    return in_lists(pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), 3), lengths)


def in_lists(items: pa.Array, lengths: Sequence[np.ndarray]) -> pa.Array:
    """Items in lists in lists, of these lengths, the outer ones first."""
    for level in reversed(lengths):
        items = pa.ListArray.from_arrays(np.concatenate([[0], np.cumsum(level)]).astype(np.int32), items)
    return items


def mapped(pixels: pa.Array, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> pa.Array:
    """A column of pixels with `change` applied to all of them at once: it gets [pixels, 3] and the row that each is of."""
    rows = pc.list_flatten(pixels)
    lengths = [np.asarray(pc.list_value_length(pixels)), np.asarray(pc.list_value_length(rows))]
    values = np.asarray(pc.list_flatten(rows).flatten()).reshape(-1, 3)
    of_row = np.repeat(np.repeat(np.arange(len(pixels)), lengths[0]), lengths[1])
    return nested(change(values, of_row).astype(np.float32).reshape(-1), lengths)
