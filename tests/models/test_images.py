"""Images in SQL: decoded, made to fit and normalised as a network wants them, and handed to models as pixels or as files."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mergus
from mergus.udfs import image_normalize, image_resize
from mergus.udfs._images import opened

pytest.importorskip("PIL")
from PIL import Image

PHOTOS = (
    "CREATE STREAM photos (id INT KEY, photo BYTES) WITH (kafka_topic='photos', value_format='JSON', partitions=1);"
)
BROWN = (200, 100, 0)


def image(form: str, width: int = 40, height: int = 30, **more: Any) -> bytes:
    """A brown image whose left half is black."""
    made = Image.new("RGB", (width, height), BROWN)
    made.paste((0, 0, 0), (0, 0, width // 2, height))
    file = io.BytesIO()
    made.save(file, form, **more)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_every_format_gives_the_same_pixels(form: str) -> None:
    whole = np.asarray(opened(image(form)))
    assert whole.shape == (30, 40, 3)
    np.testing.assert_allclose(whole[5, 35], BROWN, atol=6)
    assert (np.asarray(opened("data:image/x;base64," + base64.b64encode(image(form)).decode())) == whole).all()


def test_an_image_is_made_to_fit() -> None:
    def pixels(how: str) -> np.ndarray:
        return np.asarray(opened(image_resize.resized(image("PNG"), 10, 10, how))).astype(int)

    assert pixels("stretch").shape == (10, 10, 3)
    np.testing.assert_array_equal(pixels("pad")[0, 9], (0, 0, 0))  # black above, since it is wider than high
    np.testing.assert_array_equal(pixels("crop")[0, 9], BROWN)
    for how, width, words in (("fold", 1, "by stretch, crop or pad"), ("crop", 0, "cannot be 0 x 1")):
        with pytest.raises(ValueError, match=words):
            image_resize.resized(image("PNG"), width, 1, how)


def test_a_turned_photo_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    assert opened(image("JPEG", exif=exif)).size == (30, 40)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (b"", "format is not known"),
        (image("PNG")[:60], "cannot be decoded"),
        (image("JPEG")[:-200], "cannot be decoded"),
        ("&", "base64"),
        (image("BMP")[:18] + (100_000).to_bytes(4, "little") * 2 + image("BMP")[26:], "more than 64000000 pixels"),
    ],
)
def test_what_is_no_image_is_refused_with_words(file: bytes | str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        opened(file)


def test_means_and_deviations_are_three() -> None:
    import pyarrow as pa

    with pytest.raises(ValueError, match="three numbers"):
        image_normalize.channels(pa.array([[1.0, 2.0]]))


def test_models_take_pixels_and_files_and_an_image_that_is_none_errs_alone(tmp_path: Path) -> None:
    (tmp_path / "edges.py").write_text(
        "import numpy as np\n"
        "def predict(x):\n"
        "    assert x.ndim == 4 and x.shape[3] == 3\n"
        "    return {'edges': np.abs(np.diff(x.mean(axis=3), axis=2)), 'brightest': x.max(axis=(1, 2))}\n"
    )
    (tmp_path / "head.py").write_text("def predict(file):\n    return [f[:2] + b'\\xff\\x00' for f in file]\n")
    with mergus.connect() as db:
        db.execute(PHOTOS)
        db.models.create(
            "edges",
            provider="python",
            path=str(tmp_path / "edges.py"),
            inputs={"x": "ARRAY<ARRAY<FLOAT[3]>>"},
            outputs={"edges": "ARRAY<ARRAY<FLOAT>>", "brightest": "FLOAT[3]"},
        )
        db.models.create(
            "head",
            provider="python",
            path=str(tmp_path / "head.py"),
            inputs={"file": "BYTES"},
            outputs={"head": "BYTES"},
        )
        files = {1: image("PNG"), 2: b"nothing", 3: image("JPEG", 4000, 3000), 4: None}
        db.insert("photos", [{"id": i, "photo": f and base64.b64encode(f).decode()} for i, f in files.items()])
        found = db.query(
            "SELECT id, edges(image_normalize(image_decode(image_resize(photo, 4, 2)))) AS e, head(photo) AS h FROM photos;"
        ).rows()
        log = db.query("SELECT * FROM mergus_processing_log;").rows()
    assert [r["ID"] for r in found if r["E"] is None] == [2, 4]
    for row in (found[0], found[2]):
        edges = np.array(row["E"]["EDGES"])
        assert edges.shape == (2, 3)
        assert edges[:, 1].min() > 0.2  # where black meets brown
        np.testing.assert_allclose(row["E"]["BRIGHTEST"], np.array(BROWN) / 255, atol=0.03)
    assert [r["H"] for r in found] == [b"\x89P\xff\x00", b"no\xff\x00", b"\xff\xd8\xff\x00", None]
    assert [(r["TOPIC"], r["OFFSET"], r["REASON"]) for r in log] == [
        ("photos", 1, "ValueError: no image: its format is not known")
    ]
