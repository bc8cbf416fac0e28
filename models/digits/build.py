"""Builds the model of the story `queries/photos`: which digit a small photo of handwriting shows.

One network, saved twice with the same weights: as a SavedModel and as a TFLite file. Run: python models/digits/build.py
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_digits

from mergus.models import network

HERE = Path(__file__).parent
STORY = HERE.parent.parent / "queries" / "photos"
SEED = 11
HELD_OUT = 360
"""The last images of the data set: a writer's digits lie together in it, so that few of these hands are trained on."""
SIDE = 8
EPOCHS, BATCH, RATE = 24, 64, 4e-3
HIDE = 0.3
"""The share of what the convolutions have found that training drops."""
SIZES = (16, 24, 32, 48)
BROKEN = 20
"""The place of the story's photo that is none."""


class Digits(tf.Module):
    """Two convolutions and a layer over what they find: ten probabilities of a photo of eight by eight pixels."""

    def __init__(self) -> None:
        super().__init__()
        r = np.random.default_rng(SEED)

        def weights(*shape: int) -> tf.Variable:
            return tf.Variable(r.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32))

        self.first, self.first_bias = weights(3, 3, 1, 16), tf.Variable(tf.zeros(16))
        self.second, self.second_bias = weights(3, 3, 16, 32), tf.Variable(tf.zeros(32))
        self.third, self.third_bias = weights(SIDE * SIDE // 4 * 32, 48), tf.Variable(tf.zeros(48))
        self.out, self.out_bias = weights(48, 10), tf.Variable(tf.zeros(10))

    def logits(self, pixels: Any, hide: float = 0.0) -> Any:
        """Pixels are red, green and blue, 0 to 1, ink dark on light paper."""
        ink = 1.0 - tf.reduce_mean(pixels, 3, keepdims=True)
        h = tf.nn.relu(tf.nn.conv2d(ink, self.first, 1, "SAME") + self.first_bias)
        h = tf.nn.relu(tf.nn.conv2d(h, self.second, 1, "SAME") + self.second_bias)
        h = tf.reshape(tf.nn.max_pool2d(h, 2, 2, "SAME"), [-1, SIDE * SIDE // 4 * 32])
        if hide:
            h = tf.nn.dropout(h, hide)
        return tf.nn.relu(h @ self.third + self.third_bias) @ self.out + self.out_bias

    def answer(self, pixels: Any) -> dict[str, Any]:
        return {"scores": tf.nn.softmax(self.logits(pixels))}


def photo(ink: Any, size: int, form: str) -> bytes:
    """An image of the data set (ink of 0 to 16) as a photo: dark on light, enlarged, a file."""
    grey = Image.fromarray((255 - ink * (235 / 16)).astype(np.uint8), "L")
    file = io.BytesIO()
    grey.resize((size, size), Image.Resampling.BICUBIC).save(file, form)
    return file.getvalue()


def small(file: bytes) -> Any:
    """The pixels of a photo as IMAGE_DECODE(IMAGE_RESIZE(photo, 8, 8)) gives them."""
    image = Image.open(io.BytesIO(file))
    image.draft("RGB", (SIDE, SIDE))
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def pixels(photos: Iterable[bytes]) -> Any:
    """Those of several, 0 to 1, as IMAGE_NORMALIZE makes them."""
    return np.array([small(file) for file in photos], dtype=np.float32) / 255


def photos_of(images: Any, random: Random) -> list[bytes]:
    return [photo(image, random.choice(SIZES), random.choice(("PNG", "PNG", "JPEG"))) for image in images]


def fit(model: Digits, given: Any, labels: Any) -> None:
    random = np.random.default_rng(SEED)

    def loss(batch: Any, wanted: Any) -> Any:
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, model.logits(batch, HIDE))
        return tf.reduce_mean(each)

    def feeds() -> Iterable[Sequence[Any]]:
        for _ in range(EPOCHS):
            order = random.permutation(len(given))
            for at in range(0, len(order), BATCH):
                chosen = given[order[at : at + BATCH]]
                moved = np.roll(chosen, random.integers(-1, 2, 2), (1, 2))
                yield tf.constant(moved), tf.constant(labels[order[at : at + BATCH]])

    network.train(model.trainable_variables, loss, feeds(), RATE, EPOCHS * -(-len(given) // BATCH))


def save_lite(path: Path, answer: Any) -> None:
    """The same graph in the format for telephones."""
    function = tf.function(answer, input_signature=[tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, name="pixels")])
    holder = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], holder)
    path.write_bytes(converter.convert())
    print(f"saved {path.name}: {path.stat().st_size / 1e6:.2f} MB")


def sheet(random: Random, size: int) -> bytes:
    """A page that nobody has written on."""
    grey = Image.new("L", (SIDE, SIDE))
    grey.putdata([random.randint(225, 255) for _ in range(SIDE * SIDE)])
    file = io.BytesIO()
    grey.resize((size, size), Image.Resampling.BICUBIC).save(file, "PNG")
    return file.getvalue()


def write_story(images: Any, labels: Any) -> None:
    """Held-out photos as the story's stream brings them, among them one that is none; and in a second file what they show."""
    random = Random(SEED)
    routes = ["post"] * 24 + ["phone"] * 16 + ["archive"] * 8
    random.shuffle(routes)
    with (STORY / "photos.jsonl").open("w") as photos, (STORY / "labels.jsonl").open("w") as answers:
        for i, route in enumerate(routes):
            blank = route == "archive" and random.random() < 0.5
            size = random.choice(SIZES)
            file = sheet(random, size) if blank else photo(images[i], size, "PNG")
            told = {"post": str(labels[i]), "phone": str(labels[i]), "archive": "blank" if blank else "written"}[route]
            if i == BROKEN:
                route, file, told = "post", b"the camera's battery is low", "none"
            row = {"id": f"p{i + 1:02}", "route": route, "photo": base64.b64encode(file).decode()}
            photos.write(json.dumps(row) + "\n")
            answers.write(json.dumps({"id": row["id"], "label": told}) + "\n")


def write_csv(images: Any) -> None:
    """Some more held-out photos, as rows of a table."""
    rows = [f"c{i + 1},{base64.b64encode(photo(image, 16, 'PNG')).decode()}" for i, image in enumerate(images)]
    (STORY / "photos.csv").write_text("\n".join(["id,photo", *rows, ""]))


def main() -> None:
    network.set_up(SEED)
    digits = load_digits()
    images, labels = digits.images, digits.target.astype(np.int32)
    given = pixels(photos_of(images[:-HELD_OUT], Random(SEED)))
    model = Digits()
    fit(model, given, labels[:-HELD_OUT])
    for name in ("first", "second", "third", "out"):
        setattr(model, name, network.freeze(getattr(model, name)))
        setattr(model, f"{name}_bias", network.freeze(getattr(model, f"{name}_bias")))
    network.export(
        HERE / "artefact", model.answer, takes=tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32, name="pixels")
    )
    save_lite(HERE / "digits.tflite", model.answer)
    unseen = pixels(photos_of(images[-HELD_OUT:], Random(SEED + 1)))
    scores = model.answer(tf.constant(unseen))["scores"].numpy()
    right, sure = scores.argmax(1) == labels[-HELD_OUT:], scores.max(1) >= 0.9
    network.report(
        HERE,
        {
            "held_out": {
                "photos": HELD_OUT,
                "accuracy": round(float(right.mean()), 4),
                "accuracy_where_probability_is_0.9_or_more": round(float(right[sure].mean()), 4),
                "share_where_probability_is_0.9_or_more": round(float(sure.mean()), 4),
            }
        },
    )
    write_story(images[-HELD_OUT:], labels[-HELD_OUT:])
    write_csv(images[-5:])


if __name__ == "__main__":
    main()
