"""`image_decode(image)`: the pixels of a JPEG, PNG, GIF, BMP or WebP file, or of its base64, as an image model takes them."""

import pyarrow as pa

import mergus
from mergus.udfs._images import NEEDS, PIXELS, column, opened

DESCRIPTION = (
    "The pixels of an image file, or of its base64: rows, in each pixels, in each red, green and blue, 0 to 255."
)
EXAMPLES = ["SELECT nsfw(image_normalize(image_decode(image_resize(photo, 224, 224)))) FROM photos EMIT CHANGES;"]


@mergus.udf(
    name="image_decode",
    params=["BYTES"],
    returns=PIXELS,
    vectorized=True,
    category="MODEL",
    packages=NEEDS,
    description=DESCRIPTION,
    examples=EXAMPLES,
)
def of_bytes(image: pa.Array) -> pa.Array:
    """One array of pixels a row; raises ValueError for a row that is no image."""
    # A loop, because Pillow decodes one image at a time.
    return column([opened(one) for one in image.to_pylist()])


@mergus.udf(name="image_decode", params=["STRING"], returns=PIXELS, vectorized=True, category="MODEL", packages=NEEDS)
def of_base64(image: pa.Array) -> pa.Array:
    """As `of_bytes`, for base64."""
    return column([opened(one) for one in image.to_pylist()])
