"""Builds the model of the story `queries/captions`: a sentence about a drawn picture, with its probability.

An encoder of the picture and a recurrent decoder. Reading the file, scaling, the search for words and the joining of them are
operations of the graph, which is frozen into one file: bytes in, a caption out. Run: python models/captions/build.py
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from mergus.models import network
from mergus.models.captions.drawing import WORDS, WORDS_MAX, Picture, pictures

HERE = Path(__file__).parent
STORY = HERE.parent.parent / "queries" / "captions"
SEED = 31
TRAINED, HELD_OUT, SHOWN = 12_000, 1_000, 40
EPOCHS, BATCH, RATE = 7, 64, 4e-3
SIDE, WIDTH, WORD = 32, 96, 24
BEAMS = 3
END = 0
NEVER = -1e9


class Captioner(tf.Module):
    """What a picture shows, as a vector; and what word comes next, of that vector and the words before."""

    def __init__(self) -> None:
        super().__init__()
        r = np.random.default_rng(SEED)

        def weights(*shape: int) -> tf.Variable:
            return tf.Variable(r.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape).astype(np.float32))

        self.filters = [weights(5, 5, 3, 16), weights(3, 3, 16, 32), weights(3, 3, 32, 64), weights(1, 1, 64, 64)]
        self.biases = [tf.Variable(tf.zeros(f.shape[-1])) for f in self.filters]
        self.seen, self.seen_bias = weights(64, WIDTH), tf.Variable(tf.zeros(WIDTH))
        self.words = weights(len(WORDS) + 1, WORD)  # the last row begins a caption
        self.gates, self.gates_bias = weights(WORD + 2 * WIDTH, 2 * WIDTH), tf.Variable(tf.ones(2 * WIDTH))
        self.new, self.new_bias = weights(WORD + 2 * WIDTH, WIDTH), tf.Variable(tf.zeros(WIDTH))
        self.out, self.out_bias = weights(WIDTH, len(WORDS)), tf.Variable(tf.zeros(len(WORDS)))

    def encode(self, pixels: Any) -> Any:
        """A vector a picture: what each place shows, summed over the places, so that it can be counted."""
        h = pixels - 0.5
        for layer, (filters, bias) in enumerate(zip(self.filters, self.biases, strict=True)):
            h = tf.nn.relu(tf.nn.conv2d(h, filters, 1, "SAME") + bias)
            if layer < 2:
                h = tf.nn.max_pool2d(h, 2, 2, "SAME")
        return tf.nn.relu(tf.reduce_sum(h, [1, 2]) / SIDE @ self.seen + self.seen_bias)

    def step(self, word: Any, state: Any, seen: Any) -> tuple[Any, Any]:
        """Logarithms of the next word's probabilities, and the next state: a gated recurrent unit."""
        given = tf.concat([tf.gather(self.words, word), seen], 1)
        keep, reset = tf.split(tf.sigmoid(tf.concat([given, state], 1) @ self.gates + self.gates_bias), 2, 1)
        new = tf.tanh(tf.concat([given, reset * state], 1) @ self.new + self.new_bias)
        state = keep * state + (1 - keep) * new
        return tf.nn.log_softmax(state @ self.out + self.out_bias), state

    def loss(self, pixels: Any, wanted: Any) -> Any:
        """Cross-entropy of each word given those before it, the first end included."""
        seen = self.encode(pixels)
        state, word = tf.zeros_like(seen), tf.fill([tf.shape(seen)[0]], len(WORDS))
        going, total = tf.ones([tf.shape(seen)[0]]), 0.0
        for place in range(WORDS_MAX):
            likely, state = self.step(word, state, seen)
            word = wanted[:, place]
            total -= going * tf.gather(likely, word, batch_dims=1)
            going *= tf.cast(word != END, tf.float32)
        return tf.reduce_mean(total)

    def search(self, seen: Any, beams: int) -> tuple[Any, Any]:
        """The most likely words of each picture, with the probability of the whole: a beam search, unrolled.

        With one beam it is the greedy choice of each word.
        """
        count = tf.shape(seen)[0]
        seen = tf.repeat(seen, beams, 0)
        state, word = tf.zeros_like(seen), tf.fill([count * beams], len(WORDS))
        score = tf.tile([[0.0] + [NEVER] * (beams - 1)], [count, 1])
        ended = tf.constant([0.0] + [NEVER] * (len(WORDS) - 1))
        chosen = tf.zeros([count, beams, 0], tf.int32)
        done = tf.zeros([count * beams], tf.bool)
        for _ in range(WORDS_MAX):
            likely, state = self.step(word, state, seen)
            likely = tf.where(done[:, None], ended[None, :], likely)
            total = tf.reshape(score[:, :, None] + tf.reshape(likely, [count, beams, len(WORDS)]), [count, -1])
            score, best = tf.math.top_k(total, beams)
            source, next_word = best // len(WORDS), best % len(WORDS)
            chosen = tf.concat([tf.gather(chosen, source, batch_dims=1), next_word[:, :, None]], 2)
            flat = tf.reshape(tf.range(count)[:, None] * beams + source, [-1])
            state, word = tf.gather(state, flat), tf.reshape(next_word, [-1])
            done = word == END
        return chosen[:, 0], tf.exp(score[:, 0])


def prepare(image: Any) -> Any:
    """Pixels of 0 to 1 in the size that the encoder takes, of a column of image files."""

    def one(file: Any) -> Any:
        decoded = tf.io.decode_image(file, channels=3, expand_animations=False)
        decoded = tf.ensure_shape(decoded, [None, None, 3])
        return tf.image.resize(tf.cast(decoded, tf.float32) / 255, [SIDE, SIDE], "area")

    return tf.map_fn(one, image, fn_output_signature=tf.TensorSpec([SIDE, SIDE, 3], tf.float32))


def sentence(chosen: Any) -> Any:
    """Words joined by spaces."""
    return tf.strings.strip(tf.strings.reduce_join(tf.gather(tf.constant(WORDS), chosen), 1, separator=" "))


def freeze(model: Captioner, beams: int, path: Path) -> None:
    """One file: the whole way from bytes to a caption, its variables as constants."""

    def answer(image: Any) -> tuple[Any, Any]:
        chosen, probability = model.search(model.encode(prepare(image)), beams)
        return tf.identity(sentence(chosen), name="caption"), tf.identity(probability, name="probability")

    function = tf.function(answer, input_signature=[tf.TensorSpec([None], tf.string, name="image")])
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString(deterministic=True))
    print(f"saved {path.name}: {path.stat().st_size / 1e6:.2f} MB")


def load(path: Path) -> Callable[[Sequence[bytes]], tuple[Any, Any]]:
    """What the file answers, in a session as any program would run it."""
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
    session = tf.compat.v1.Session(graph=graph)
    return lambda files: tuple(session.run(["caption:0", "probability:0"], {"image:0": list(files)}))


def fit(model: Captioner, drawn: Sequence[Picture]) -> None:
    random = np.random.default_rng(SEED)
    pixels = np.concatenate(
        [prepare(tf.constant([p.file for p in drawn[at : at + 500]])) for at in range(0, len(drawn), 500)]
    )
    wanted = np.full([len(drawn), WORDS_MAX], END, np.int32)
    for row, each in zip(wanted, drawn, strict=True):
        words = [WORDS.index(word) for word in each.caption.split()]
        row[: len(words)] = words

    def feeds() -> Iterable[Sequence[Any]]:
        for _ in range(EPOCHS):
            order = random.permutation(len(drawn))
            for at in range(0, len(order) - BATCH + 1, BATCH):
                chosen = order[at : at + BATCH]
                batch = pixels[chosen]
                if random.random() < 0.5:
                    batch = batch[:, :, ::-1]
                yield tf.constant(batch), tf.constant(wanted[chosen])

    network.train(model.trainable_variables, model.loss, feeds(), RATE, EPOCHS * (len(drawn) // BATCH))


def evaluate(path: Path, unseen: Sequence[Picture]) -> dict[str, float]:
    """Whole captions that are right, how often right is what the probability says, and the time of one picture."""
    answer = load(path)
    answer([unseen[0].file])
    start = time.perf_counter()
    given, probability = answer([p.file for p in unseen])
    spent = time.perf_counter() - start
    right = np.array([said.decode() == p.caption for said, p in zip(given, unseen, strict=True)])
    bins = np.minimum((probability * 10).astype(int), 9)
    gaps = [(bins == b).mean() * abs(right[bins == b].mean() - probability[bins == b].mean()) for b in set(bins)]
    print(f"{path.name}: {spent / len(unseen) * 1e3:.2f} ms a picture")
    return {
        "pictures": len(unseen),
        "exact_match": round(float(right.mean()), 4),
        "mean_probability": round(float(probability.mean()), 4),
        "calibration_error": round(float(sum(gaps)), 4),
        "exact_match_where_probability_is_0.9_or_more": round(float(right[probability >= 0.9].mean()), 4),
        "share_where_probability_is_0.9_or_more": round(float((probability >= 0.9).mean()), 4),
    }


def write_story(shown: Sequence[Picture]) -> None:
    """Held-out pictures as the story's stream brings them, three a second of event time."""
    with (STORY / "pictures.jsonl").open("w") as rows:
        for i, each in enumerate(shown):
            picture = base64.b64encode(each.file).decode()
            row = {"id": i + 1, "taken_at": 1767225600000 + 3000 * i, "picture": picture, "truth": each.caption}
            rows.write(json.dumps(row) + "\n")


def main() -> None:
    network.set_up(SEED)
    model = Captioner()
    fit(model, pictures(SEED, TRAINED))
    unseen = pictures(SEED + 1, HELD_OUT)
    found = {}
    for name, beams in {"greedy": 1, "beam": BEAMS}.items():
        freeze(model, beams, HERE / f"{name}.pb")
        found[f"held_out_{name}"] = evaluate(HERE / f"{name}.pb", unseen)
    network.report(HERE, found)
    write_story(pictures(SEED + 2, SHOWN))


if __name__ == "__main__":
    main()
