"""`image_size(image)`: how large an image is and in which format, read off its head without decoding it."""

import io
from typing import Any

import mergus
from mergus.udfs._images import NEEDS


@mergus.udf(
    params=["BYTES"],
    returns="STRUCT<width INT, height INT, format STRING>",
    category="MODEL",
    packages=NEEDS,
    description="An image file's width, height and format (JPEG, PNG, …).",
    examples=["SELECT * FROM photos WHERE image_size(photo)->width >= 224 EMIT CHANGES;"],
)
def image_size(image: bytes) -> dict[str, Any]:
    """The three of one file; raises ValueError where it is no image."""
    from PIL import Image, UnidentifiedImageError

    try:
        found = Image.open(io.BytesIO(image))
    except UnidentifiedImageError:
        raise ValueError("no image: its format is not known") from None
    return {"WIDTH": found.width, "HEIGHT": found.height, "FORMAT": found.format}
