"""Builds the model behind `embed`: 64 floats of length one, near for lines that say the same.

Trained by contrast: two lines drawn from one template (other parameters, wordings, headers, tails) belong together, all
other lines of the batch apart. A fixed random vector a word is added, so that words never seen still count when
they are shared. Run: python models/embed/build.py
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tensorflow as tf

from mergus.models import network
from mergus.models.corpus import lines

HERE = Path(__file__).parent
SEED = 37
STEPS, MEANINGS, RATE = 1200, 128, 3e-3
WORD, WIDTH, SIZE = 16, 32, 64
SPELLINGS, SPELLING = 4096, 24
TEMPERATURE = 0.08
PAIR = (
    "com.amazonaws.SdkClientException: Unable to execute HTTP request: "
    "a231d9e5-c804-4beb-a5cc-ca0d10868d22: Temporary failure in name resolution",
    "SdkClientException: Unable to execute HTTP request: 4a13e174-8f4b-4572-98f8-7958a9330f77",
)


class Embedder(tf.Module):
    """The network, pooled over a line with learned weights, beside the mean of the words' fixed random vectors."""

    def __init__(self, vocabulary: network.Vocabulary) -> None:
        super().__init__()
        self.network = network.Network(vocabulary, word=WORD, width=WIDTH, seed=SEED)
        self.weight = self.network.weights(WIDTH, 1, scale=0.1)
        self.out = self.network.weights(2 * WIDTH, SIZE)
        self.spelt = self.network.weights(SPELLING, SIZE)
        fixed = np.random.default_rng(SEED).normal(0, 1, (SPELLINGS, SPELLING)).astype(np.float32)
        self.spelling = tf.constant(fixed)
        self.kind = self.network.weights(SIZE, len(lines.LABELS), scale=0.1)

    def vectors(self, rows: Any, learned: Any, line: Any, hashes: Any, count: Any) -> Any:
        """One vector of length one a line."""
        _, context = self.network(rows, learned, line)
        pooled, weight = network.pool(context, self.weight, line, count)
        spelling = tf.gather(self.spelling, tf.cast(tf.bitwise.bitwise_and(hashes, SPELLINGS - 1), tf.int32)) * weight
        total = network.by_line(tf.math.segment_sum, tf.concat([spelling, weight], 1), line, count)
        total = total[:, :-1] / (total[:, -1:] + 1e-3)
        return tf.math.l2_normalize(pooled @ self.out + total @ self.spelt, axis=1)

    def answer(self, text: Any) -> dict[str, Any]:
        """A vector a line; a line without a token has the first unit vector, so that lengths are always one."""
        _, hashes, line = network.tokenize(text)
        count = tf.size(text)
        vectors = self.vectors(*self.network.read(hashes), line, hashes, count)
        empty = network.is_empty(line, count)
        return {"embedding": tf.where(empty[:, None], tf.one_hot(0, SIZE)[None, :], vectors)}


def meanings(chosen: Sequence[lines.Template]) -> list[list[lines.Template]]:
    """Templates that say the same, together."""
    groups: dict[str, list[lines.Template]] = defaultdict(list)
    for template in chosen:
        groups[template.meaning or template.text].append(template)
    return list(groups.values())


def pairs(groups: Sequence[Sequence[lines.Template]], r: Random, steps: int) -> Iterable[tuple[list[str], list[int]]]:
    """Batches of texts, two of each meaning side by side, with the labels of the meanings."""
    for _ in range(steps):
        drawn = r.sample(groups, MEANINGS)
        texts = [lines.fill(r.choice(group), r).text for group in drawn for _ in range(2)]
        yield texts, [lines.LABELS.index(group[0].label) for group in drawn for _ in range(2)]


def fit(model: Embedder, vocabulary: network.Vocabulary, groups: Sequence[Sequence[lines.Template]]) -> None:
    def loss(rows: Any, learned: Any, line: Any, hashes: Any, labels: Any) -> Any:
        vectors = model.vectors(rows, learned, line, hashes, 2 * MEANINGS)
        near = vectors @ tf.transpose(vectors) / TEMPERATURE - 1e4 * tf.eye(2 * MEANINGS)
        partner = tf.bitwise.bitwise_xor(tf.range(2 * MEANINGS), 1)
        apart = tf.nn.sparse_softmax_cross_entropy_with_logits(partner, near)
        kind = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, vectors @ model.kind * 4.0)
        return tf.reduce_mean(apart) + 0.15 * tf.reduce_mean(kind)

    def feeds() -> Iterable[Sequence[Any]]:
        for step, (texts, labels) in enumerate(pairs(groups, Random(SEED), STEPS)):
            words = [w or ["#"] for w in network.words_of(texts)]
            batch = network.Batches(vocabulary, words, SEED + step)
            hashes = network.hashes_of([w for ws in words for w in ws])
            yield (*batch.feed(range(len(words))), hashes, tf.constant(labels))

    network.train(model.trainable_variables, loss, feeds(), RATE, STEPS)


def evaluate(answer: Any, groups: Sequence[Sequence[lines.Template]]) -> dict[str, float]:
    """How often the nearest of all other lines is one of the same meaning, for meanings that training has not seen."""
    r = Random(SEED + 1)
    texts = [lines.fill(r.choice(group), r).text for group in groups for _ in range(4)]
    vectors = answer(tf.constant(texts))["embedding"].numpy()
    owner = np.repeat(np.arange(len(groups)), 4)
    near = vectors @ vectors.T
    same = owner[:, None] == owner[None, :]
    off = ~np.eye(len(owner), dtype=bool)
    best = np.where(off, near, -2).argmax(1)
    return {
        "meanings": len(groups),
        "nearest_is_of_the_same_meaning": round(float((owner[best] == owner).mean()), 4),
        "mean_cosine_of_one_meaning": round(float(near[same & off].mean()), 4),
        "mean_cosine_of_others": round(float(near[~same].mean()), 4),
    }


def main() -> None:
    network.set_up(SEED)
    everything = lines.templates()
    groups = meanings([t for t in everything if not t.held_out])
    r = Random(SEED + 2)
    sample = [lines.fill(t, r).text for group in groups for t in group for _ in range(1 if t.literal else 8)]
    vocabulary = network.Vocabulary([*network.words_of(sample)])
    print(f"{len(groups)} meanings, {vocabulary.learned_count} words learned")
    model = Embedder(vocabulary)
    fit(model, vocabulary, groups)
    network.freeze_network(model.network)
    model.weight, model.out, model.spelt = map(network.freeze, (model.weight, model.out, model.spelt))
    model.kind = None
    network.export(HERE / "artefact", model.answer)
    answer = tf.function(model.answer)
    unseen = [t for t in everything if t.held_out]
    pair = answer(tf.constant(PAIR))["embedding"].numpy()
    network.report(
        HERE,
        {
            "held_out_written": evaluate(answer, meanings([t for t in unseen if t.source == "written"])),
            "held_out_composed": evaluate(answer, meanings([t for t in unseen if t.source == "composed"])),
            "cosine_of_the_pair": round(float(pair[0] @ pair[1]), 4),
        },
    )


if __name__ == "__main__":
    main()
