"""Builds the model behind `classify`: what kind of line a log line is, with its probability.

The kinds are those that one wants to alert on or leave out: failure, warning, security, performance, lifecycle, access,
normal. Run: python models/classify/build.py
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tensorflow as tf

from mergus.models import network
from mergus.models.corpus import lines

HERE = Path(__file__).parent
SEED = 23
EPOCHS, BATCH, RATE = 7, 192, 3e-3
WORD, WIDTH = 16, 32
CAPTURED_WEIGHT = 0.5
"""Captured lines carry the level that their program gave them, which is less to be trusted than a written label."""
SMOOTHING = 0.06
HIDE = 0.45
"""Of every word nearly half are hidden at a time, so that a kind is read from what documentation says of words."""


class Classifier(tf.Module):
    """The network, pooled over a line, and one logit a kind."""

    def __init__(self, vocabulary: network.Vocabulary) -> None:
        super().__init__()
        self.network = network.Network(vocabulary, word=WORD, width=WIDTH, seed=SEED)
        self.out = self.network.weights(2 * WIDTH, len(lines.LABELS), scale=0.1)
        self.out_bias = tf.Variable(tf.zeros(len(lines.LABELS)))
        self.weight = self.network.weights(WIDTH, 1, scale=0.1)

    def logits(self, rows: Any, learned: Any, line: Any, count: Any) -> Any:
        _, context = self.network(rows, learned, line)
        pooled, _ = network.pool(context, self.weight, line, count)
        return pooled @ self.out + self.out_bias

    def answer(self, text: Any) -> dict[str, Any]:
        """The kind of each line and how sure that is; an empty line is normal for certain."""
        _, hashes, line = network.tokenize(text)
        count = tf.size(text)
        logits = self.logits(*self.network.read(hashes), line, count)
        empty = network.is_empty(line, count)
        normal = tf.one_hot(lines.LABELS.index("normal"), len(lines.LABELS))
        probabilities = tf.where(empty[:, None], normal[None, :], tf.nn.softmax(logits))
        best = tf.argmax(probabilities, 1)
        return {
            "label": tf.gather(tf.constant(lines.LABELS), best),
            "probability": tf.reduce_max(probabilities, 1),
        }


def fit(model: Classifier, vocabulary: network.Vocabulary, words: Any, labels: Any, weights: Any) -> None:
    batches = network.Batches(vocabulary, words, SEED)

    def loss(rows: Any, learned: Any, line: Any, wanted: Any, weight: Any) -> Any:
        logits = model.logits(rows, learned, line, tf.size(wanted))
        smooth = tf.one_hot(wanted, len(lines.LABELS)) * (1 - SMOOTHING) + SMOOTHING / len(lines.LABELS)
        each = tf.nn.softmax_cross_entropy_with_logits(smooth, logits)
        return tf.reduce_sum(each * weight) / tf.reduce_sum(weight)

    def feeds() -> Iterable[Sequence[Any]]:
        for _ in range(EPOCHS):
            for chosen in batches.order(BATCH):
                yield (*batches.feed(chosen, HIDE), tf.constant(labels[chosen]), tf.constant(weights[chosen]))

    network.train(model.trainable_variables, loss, feeds(), RATE, EPOCHS * -(-len(words) // BATCH))


def drawn(chosen: Sequence[lines.Template], seed: int, each: int, captured: int) -> tuple[Any, Any, Any, Any]:
    """Texts, their tokens, labels and weights."""
    made = list(lines.corpus(chosen, Random(seed), each, captured))
    texts = [line.text for _, line in made]
    words = network.words_of(texts)
    labels = np.array([lines.LABELS.index(chosen[i].label) for i, _ in made], dtype=np.int32)
    rare = np.sqrt(len(labels) / (len(lines.LABELS) * np.bincount(labels, minlength=len(lines.LABELS)) + 1))
    weights = np.array([CAPTURED_WEIGHT if chosen[i].literal else 1.0 for i, _ in made]) * rare[labels]
    keep = [i for i, w in enumerate(words) if w]
    return [texts[i] for i in keep], [words[i] for i in keep], labels[keep], weights[keep].astype(np.float32)


def evaluate(answer: Any, chosen: Sequence[lines.Template]) -> dict[str, float]:
    """Accuracy, and precision and recall of `failure`, on lines of templates that training has not seen."""
    texts, _, labels, _ = drawn(chosen, SEED + 1, 8, 2)
    given = answer(tf.constant(texts))
    found = np.array([lines.LABELS.index(x.decode()) for x in given["label"].numpy()])
    failure = lines.LABELS.index("failure")
    hit = int(((found == failure) & (labels == failure)).sum())
    sure = given["probability"].numpy() >= 0.8
    return {
        "lines": len(labels),
        "accuracy": round(float((found == labels).mean()), 4),
        "accuracy_where_probability_is_0.8_or_more": round(float((found == labels)[sure].mean()), 4),
        "share_where_probability_is_0.8_or_more": round(float(sure.mean()), 4),
        "failure_precision": round(hit / max(1, int((found == failure).sum())), 4),
        "failure_recall": round(hit / max(1, int((labels == failure).sum())), 4),
    }


def main() -> None:
    network.set_up(SEED)
    everything = lines.templates()
    seen = [t for t in everything if not t.held_out]
    _, words, labels, weights = drawn(seen, SEED, 16, 4)
    print(f"{len(seen)} templates, {len(words)} lines")
    vocabulary = network.Vocabulary(words)
    model = Classifier(vocabulary)
    fit(model, vocabulary, words, labels, weights)
    network.freeze_network(model.network)
    model.out, model.out_bias, model.weight = map(network.freeze, (model.out, model.out_bias, model.weight))
    network.export(HERE / "artefact", model.answer)
    answer = tf.function(model.answer)
    unseen = [t for t in everything if t.held_out]
    kinds = {"written": False, "composed": False, "captured": True}
    chosen = {k: [t for t in unseen if (t.literal if literal else t.source == k)] for k, literal in kinds.items()}
    network.report(HERE, {f"held_out_{k}": evaluate(answer, ts) for k, ts in chosen.items()})


if __name__ == "__main__":
    main()
