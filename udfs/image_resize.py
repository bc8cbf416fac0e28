"""`image_resize(image, width, height [, how])`: an image file made as large as a model wants it, as a PNG file.

The answer is a file again and not pixels, so that what is kept or sent on stays small; writing it uncompressed costs less
than a tenth of reading the original.
"""

import io
from collections.abc import Iterable
from functools import partial

import pyarrow as pa

import mergus
from mergus.udfs._images import NEEDS, opened

DESCRIPTION = (
    "The image in a width and height, as a PNG file. How it is made to fit: 'stretch', 'crop' what is too much at the"
    " sides, or 'pad' with black."
)
EXAMPLES = ["SELECT image_decode(image_resize(photo, 224, 224, 'crop')) FROM photos EMIT CHANGES;"]
image_resize = partial(
    mergus.udf, name="image_resize", returns="BYTES", vectorized=True, category="MODEL", packages=NEEDS
)


def resized(image: bytes | str, width: int, height: int, how: str) -> bytes:
    """One image; raises ValueError for what is none, for a size below 1 and for a way that is none."""
    from PIL import Image, ImageOps

    if width < 1 or height < 1:
        raise ValueError(f"an image cannot be {width} x {height}")
    found = opened(image, about=max(width, height))
    match how.lower():
        case "stretch":
            made = found.resize((width, height), Image.Resampling.BILINEAR)
        case "crop":
            made = ImageOps.fit(found, (width, height), Image.Resampling.BILINEAR)
        case "pad":
            made = ImageOps.pad(found, (width, height), Image.Resampling.BILINEAR)
        case _:
            raise ValueError(f"an image is made to fit by stretch, crop or pad, not by {how}")
    file = io.BytesIO()
    made.save(file, "PNG", compress_level=0)
    return file.getvalue()


def all_resized(columns: Iterable[pa.Array]) -> pa.Array:
    """One file a row."""
    # A loop, because Pillow works on one image at a time.
    return pa.array([resized(*row) for row in zip(*(c.to_pylist() for c in columns), strict=True)], pa.binary())


@image_resize(params=["BYTES", "INT", "INT"], description=DESCRIPTION, examples=EXAMPLES)
def of_bytes(image: pa.Array, width: pa.Array, height: pa.Array) -> pa.Array:
    """Stretched to the size."""
    return all_resized((image, width, height, pa.repeat("stretch", len(image))))


@image_resize(params=["BYTES", "INT", "INT", "STRING"])
def of_bytes_somehow(image: pa.Array, width: pa.Array, height: pa.Array, how: pa.Array) -> pa.Array:
    """Made to fit as `how` says."""
    return all_resized((image, width, height, how))


@image_resize(params=["STRING", "INT", "INT"])
def of_base64(image: pa.Array, width: pa.Array, height: pa.Array) -> pa.Array:
    """As `of_bytes`, for base64."""
    return all_resized((image, width, height, pa.repeat("stretch", len(image))))


@image_resize(params=["STRING", "INT", "INT", "STRING"])
def of_base64_somehow(image: pa.Array, width: pa.Array, height: pa.Array, how: pa.Array) -> pa.Array:
    """As `of_bytes_somehow`, for base64."""
    return all_resized((image, width, height, how))
