"""Builds the model behind `queries/car_buyers`: how likely somebody is to buy a car in the next three months.

Sparse words of three fields: each is looked up in the field's vocabulary (all others are one word), a field's vectors are
averaged, the averages stand side by side in front of a small network. Run: python models/car_buyer/build.py
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from mergus.models import network
from mergus.models.car_buyer.people import Person, people

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "queries" / "car_buyers" / "users.jsonl"
SEED = 41
TRAIN, VALIDATE, TEST, SHOWN = 40_000, 6_000, 6_000, 400
FIELDS = {"device": 1, "apps": 16, "ads": 12}
"""How many words of each field are looked at: the first ones."""
VECTOR, HIDDEN = 12, 24
SEEN_AT_LEAST = 3
HIDE_WORDS, HIDE_FIELDS = 0.05, 0.05
PRECISION = 0.7
EPOCHS_MAX, PATIENCE, BATCH, RATE = 40, 3, 256, 3e-3


class Buyer(tf.Module):
    """The three tables and the network behind them."""

    def __init__(self, vocabularies: dict[str, list[str]]) -> None:
        super().__init__()
        random = tf.random.Generator.from_seed(SEED)
        self.tables, self.vectors = {}, {}
        for field, words in vocabularies.items():
            found = tf.lookup.KeyValueTensorInitializer(words, tf.range(1, len(words) + 1, dtype=tf.int64))
            self.tables[field] = tf.lookup.StaticHashTable(found, default_value=0)  # 0: a word that is not known
            self.vectors[field] = tf.Variable(random.normal([len(words) + 1, VECTOR], stddev=0.1))
        self.hidden = tf.Variable(random.normal([len(FIELDS) * VECTOR, HIDDEN], stddev=0.2))
        self.hidden_bias = tf.Variable(tf.zeros([HIDDEN]))
        self.out = tf.Variable(random.normal([HIDDEN, 1], stddev=0.2))
        self.out_bias = tf.Variable(tf.zeros([1]))

    def logits(self, words: dict[str, Any]) -> Any:
        """One number a row; a field is `[rows, n]`, and an empty text is no word."""
        means = []
        for field in FIELDS:
            there = tf.cast(words[field] != "", tf.float32)[:, :, None]
            vectors = tf.gather(self.vectors[field], self.tables[field].lookup(words[field])) * there
            means.append(tf.reduce_sum(vectors, 1) / tf.maximum(tf.reduce_sum(there, 1), 1.0))
        inner = tf.nn.relu(tf.concat(means, 1) @ self.hidden + self.hidden_bias)
        return (inner @ self.out + self.out_bias)[:, 0]

    def answer(self, device: Any, apps: Any, ads: Any) -> dict[str, Any]:
        """The signature: `device [rows]`, `apps [rows, 16]`, `ads [rows, 12]` to `probability [rows]`."""
        return {"probability": tf.sigmoid(self.logits({"device": device[:, None], "apps": apps, "ads": ads}))}


def padded(drawn: list[Person]) -> dict[str, Any]:
    """Each field's words as an array of its width, cut off or filled with empty texts."""
    rows = {"device": [[p.device] for p in drawn], "apps": [p.apps for p in drawn], "ads": [p.ads for p in drawn]}
    return {f: np.array([(r + [""] * width)[:width] for r in rows[f]], dtype=str) for f, width in FIELDS.items()}


def vocabularies(words: dict[str, Any]) -> dict[str, list[str]]:
    """Words that were seen often enough to have a vector of their own."""
    counted = {field: Counter(values.ravel().tolist()) for field, values in words.items()}
    return {f: sorted(w for w, n in found.items() if w and n >= SEEN_AT_LEAST) for f, found in counted.items()}


def hide(words: Any, random: Any) -> Any:
    """Some words become unknown ones and some rows lose the field, so that the model knows what it does not know."""
    unknown = np.where((words != "") & (random.random(words.shape) < HIDE_WORDS), "?", words)
    return np.where(random.random((len(words), 1)) < HIDE_FIELDS, "", unknown)


def fit(model: Buyer, train: tuple[Any, Any], validate: tuple[Any, Any]) -> None:
    """Adam, until the loss on the validation rows has not come down for some epochs; the best weights stay."""
    (words, labels), (words_after, labels_after) = train, validate
    optimizer = tf.keras.optimizers.Adam(RATE)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(chosen: Any, wanted: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, model.logits(chosen)))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    order, best, since = np.random.default_rng(SEED), (np.inf, []), 0
    for epoch in range(EPOCHS_MAX):
        shuffled = order.permutation(len(labels))
        for at in range(0, len(labels), BATCH):
            chosen = shuffled[at : at + BATCH]
            hidden = {f: tf.constant(hide(v[chosen], order)) for f, v in words.items()}
            step(hidden, tf.constant(labels[chosen]))
        logits = model.logits({f: tf.constant(v) for f, v in words_after.items()})
        loss = float(tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels_after, logits)))
        print(f"epoch {epoch}: {loss:.4f}")
        since = 0 if loss < best[0] else since + 1
        if loss < best[0]:
            best = (loss, [v.numpy() for v in model.trainable_variables])
        if since == PATIENCE:
            break
    for variable, value in zip(model.trainable_variables, best[1], strict=True):
        variable.assign(value)


def evaluate(scores: Any, labels: Any) -> dict[str, float]:
    """How well scores order people, and how many of the buyers are found where `PRECISION` of those named are buyers."""
    order = np.argsort(-scores)
    hits = np.cumsum(labels[order])
    named = np.flatnonzero(hits / np.arange(1, len(labels) + 1) >= PRECISION)
    last = int(named[-1]) if len(named) else -1
    return {
        "auc": round(float(roc_auc_score(labels, scores)), 4),
        f"recall_at_precision_{PRECISION}": round(float(hits[last] / labels.sum()) if last >= 0 else 0.0, 4),
        "people": len(labels),
        "buyers": int(labels.sum()),
    }


def by_counts(words: dict[str, Any], labels: Any, words_after: dict[str, Any]) -> Any:
    """What stands for the older way: each word's odds among buyers, averaged a field, with nothing learned between fields."""
    score = np.zeros(len(words_after["device"]))
    for field, values in words.items():
        buyers, others = Counter(values[labels == 1].ravel().tolist()), Counter(values[labels == 0].ravel().tolist())
        odds = {w: np.log((buyers[w] + 1) / (others[w] + 10)) for w in {*buyers, *others} if w}
        rows = [[odds.get(w, 0.0) for w in row if w] for row in words_after[field].tolist()]
        score += [sum(row) / max(1, len(row)) for row in rows]
    return score


def main() -> None:
    network.set_up(SEED)
    drawn = list(people(TRAIN + VALIDATE + TEST, SEED))
    parts = [drawn[:TRAIN], drawn[TRAIN : TRAIN + VALIDATE], drawn[TRAIN + VALIDATE :]]
    (train, validate, test) = [(padded(p), np.array([x.buys for x in p], dtype=np.float32)) for p in parts]
    model = Buyer(vocabularies(train[0]))
    fit(model, train, validate)
    names = {
        f: tf.TensorSpec([None] if f == "device" else [None, width], tf.string, name=f) for f, width in FIELDS.items()
    }
    served = tf.function(model.answer, input_signature=list(names.values()))
    model.served = served
    network.save(HERE / "artefact", model, {"serving_default": served})
    scores = tf.sigmoid(model.logits({f: tf.constant(v) for f, v in test[0].items()})).numpy()
    plain = by_counts(*train, test[0])
    network.report(HERE, {"held_out": evaluate(scores, test[1]), "held_out_by_counts": evaluate(plain, test[1])})
    with SAMPLE.open("w", encoding="utf-8") as file:
        for number, person in enumerate(parts[2][:SHOWN], 1):
            row = {"id": number, "device": person.device, "apps": person.apps, "ads": person.ads, "bought": person.buys}
            file.write(json.dumps(row, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
