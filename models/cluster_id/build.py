"""Builds the model behind `cluster_id`: a learned code of a line's meaning, without state.

For each token the network decides: leave out (a parameter, a header, a package prefix, a reason in the tail), keep, or
one of a few learned wordings ("failed to", "unable to", "could not" are one). The code is a 64-bit sum over what is
kept, so it does not depend on other lines, on order of arrival or on the worker; lines of templates never seen get codes
of their own. Run: python models/cluster_id/build.py
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tensorflow as tf

from mergus.models import network, tokens
from mergus.models.corpus import lines, slots

HERE = Path(__file__).parent
SEED = 11
EPOCHS, BATCH, RATE = 9, 192, 3e-3
KEEP_WEIGHT = 1.7
"""A word wrongly kept splits a group; one wrongly left out may join lines that mean different things, which is worse."""
WORD, WIDTH = 16, 32
CLASSES = lines.FIRST_PHRASE + len(lines.PHRASES)
STOP_WORDS = frozenset(slots.LISTS["stop_words"])
LEVELS = frozenset(slots.LISTS["levels"])
PHRASES = sorted(
    (([w for w, _ in tokens.split_with_roles(wording, [0] * len(wording))], lines.PHRASE_ROLE[name]))
    for name, wordings in lines.PHRASES.items()
    for wording in wordings
)


def wanted_of(split: Sequence[tuple[str, int]]) -> list[int]:
    """What training wants of each token: the template's roles, and rules that hold in every line.

    A wording's role stands on its longest word, so that "failed" and "has failed" are learned alike.
    """
    words = [w for w, _ in split]
    wanted = [role if role <= lines.KEEP else lines.KEEP for _, role in split]
    for start in range(len(words)):
        for wording, role in reversed(PHRASES):  # longer wordings come later in order, so they are tried first
            end = start + len(wording)
            if words[start:end] == wording and split[start][1] != lines.DROP and wanted[start] == lines.KEEP:
                wanted[start:end] = [lines.DROP] * len(wording)
                wanted[start + max(range(len(wording)), key=lambda i: len(wording[i]))] = role
                break
    for i, word in enumerate(words):
        behind = words[i + 1] if i + 1 < len(words) else ""
        if (wanted[i] == lines.KEEP and word in STOP_WORDS) or behind == "~":
            wanted[i] = lines.DROP  # what only holds a sentence together, and packages before a dotted name
        elif i == 0 and word in LEVELS and behind == ":":
            wanted[i] = lines.DROP  # a level in front
    return wanted


def encoded(chosen: Sequence[lines.Template], seed: int, each: int, captured: int) -> tuple[Any, Any]:
    """Of every generated line: its tokens, and what is wanted of each."""
    words, wanted = [], []
    for _, line in lines.corpus(chosen, Random(seed), each, captured):
        split = tokens.split_with_roles(line.text, line.roles)
        if split:
            words.append([w for w, _ in split])
            wanted.append(wanted_of(split))
    return words, wanted


class Coder(tf.Module):
    """The network, the decision about each token, and the code made of the decisions."""

    def __init__(self, vocabulary: network.Vocabulary) -> None:
        super().__init__()
        self.network = network.Network(vocabulary, word=WORD, width=WIDTH, seed=SEED)
        self.out = self.network.weights(WIDTH + self.network.word_size, CLASSES, scale=0.1)
        self.out_bias = tf.Variable(tf.zeros(CLASSES))

    def logits(self, rows: Any, learned: Any, line: Any) -> Any:
        words, context = self.network(rows, learned, line)
        return tf.concat([context, words], 1) @ self.out + self.out_bias

    def decide(self, text: Any) -> tuple[Any, Any, Any, Any]:
        """Tokens, their hashes, lines and classes."""
        words, hashes, line = network.tokenize(text)
        rows, learned = self.network.read(hashes)
        decided = tf.argmax(self.logits(rows, learned, line), 1, tf.int32)
        return words, hashes, line, tf.where(tf.gather(self.network.plain, rows), decided, lines.DROP)

    def code(self, text: Any) -> dict[str, Any]:
        """One 64-bit code a line."""
        _, hashes, line, chosen = self.decide(text)
        phrases = tf.constant(
            [0, 0, *[0x1F0E_2D3C_4B5A_6978 ^ (k * 0x0101_0101_0101_0101) for k in range(CLASSES - 2)]], tf.int64
        )
        part = tf.where(chosen == lines.KEEP, hashes, tf.gather(phrases, chosen))
        # A line of which no word is kept as it is (only numbers, names, a bare "failed") is known by all that it has.
        each = tf.stack([part, tf.cast(chosen == lines.KEEP, tf.int64), hashes], 1)
        total, kept, whole = tf.unstack(network.by_line(tf.math.segment_sum, each, line, tf.size(text)), axis=1)
        return {"code": _scramble(tf.where(kept > 0, total, whole))}

    def explain(self, text: Any) -> dict[str, Any]:
        """What each code stands for: the words kept, phrases in brackets."""
        words, _, line, chosen = self.decide(text)
        names = tf.constant(["", "", *(f"<{name}>" for name in lines.PHRASES)])
        shown = tf.where(chosen == lines.KEEP, words, tf.gather(names, chosen))
        kept = tf.boolean_mask(shown, chosen != lines.DROP), tf.boolean_mask(line, chosen != lines.DROP)
        ragged = tf.RaggedTensor.from_value_rowids(*kept, nrows=tf.size(text, tf.int32))
        return {"kept": tf.strings.reduce_join(ragged, axis=1, separator=" ")}


def _scramble(x: Any) -> Any:
    """Spread the sum over all 64 bits (the finalizer of SplitMix64)."""
    x = tf.bitcast(x, tf.uint64) + tf.constant(0x9E37_79B9_7F4A_7C15, tf.uint64)
    for shift, factor in ((30, 0xBF58_476D_1CE4_E5B9), (27, 0x94D0_49BB_1331_11EB)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint64))) * tf.constant(
            factor, tf.uint64
        )
    return tf.bitcast(tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(31, tf.uint64))), tf.int64)


def fit(coder: Coder, vocabulary: network.Vocabulary, words: Any, wanted: Any) -> None:
    batches = network.Batches(vocabulary, words, SEED)
    wanted = [np.asarray(w, dtype=np.int32) for w in wanted]

    def loss(rows: Any, learned: Any, line: Any, labels: Any, weight: Any) -> Any:
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, coder.logits(rows, learned, line))
        return tf.reduce_sum(each * weight) / tf.reduce_sum(weight)

    def feeds() -> Iterable[Sequence[Any]]:
        for _ in range(EPOCHS):
            for chosen in batches.order(BATCH):
                plain = np.concatenate([batches.plain[i] for i in chosen]).astype(np.float32)
                labels = np.concatenate([wanted[i] for i in chosen])
                weight = plain * np.where(labels == lines.DROP, 1.0, KEEP_WEIGHT).astype(np.float32)
                yield (*batches.feed(chosen), tf.constant(labels), tf.constant(weight))

    steps = EPOCHS * -(-len(words) // BATCH)
    network.train(coder.trainable_variables, loss, feeds(), RATE, steps)


PAIR = (
    "com.amazonaws.SdkClientException: Unable to execute HTTP request: "
    "a231d9e5-c804-4beb-a5cc-ca0d10868d22: Temporary failure in name resolution",
    "SdkClientException: Unable to execute HTTP request: 4a13e174-8f4b-4572-98f8-7958a9330f77",
)


def evaluate(code: Any, chosen: Sequence[lines.Template]) -> dict[str, float]:
    """Grouping of lines of templates that training has not seen: 12 lines each, all surroundings at random."""
    drawn = list(lines.corpus(chosen, Random(SEED + 1), 12, 4))
    codes = code(tf.constant([line.text for _, line in drawn]))["code"].numpy()
    groups: dict[int, set[int]] = defaultdict(set)
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    for (owner, _), value in zip(drawn, codes, strict=True):
        groups[int(value)].add(owner)
        counts[owner][int(value)] += 1
    same = [sum(n * (n - 1) for n in c.values()) / (sum(c.values()) * (sum(c.values()) - 1)) for c in counts.values()]
    mixed = sum(len(owners) > 1 for owners in groups.values())
    return {
        "templates": len(counts),
        "pairs_of_one_template_with_one_id": round(float(np.mean(same)), 4),
        "ids_shared_by_templates": round(mixed / len(groups), 4),
    }


def main() -> None:
    network.set_up(SEED)
    everything = lines.templates()
    seen = [t for t in everything if not t.held_out]
    words, wanted = encoded(seen, SEED, 24, 4)
    print(f"{len(seen)} templates, {len(words)} lines")
    vocabulary = network.Vocabulary(words)
    print(f"{vocabulary.learned_count} words learned")
    coder = Coder(vocabulary)
    fit(coder, vocabulary, words, wanted)
    network.freeze_network(coder.network)
    coder.out, coder.out_bias = network.freeze(coder.out), network.freeze(coder.out_bias)
    network.export(HERE / "artefact", coder.code, explain=coder.explain)
    code = tf.function(coder.code)
    pair = code(tf.constant(PAIR))["code"].numpy()
    unseen = [t for t in everything if t.held_out]
    network.report(
        HERE,
        {
            "held_out_written": evaluate(code, [t for t in unseen if t.source == "written"]),
            "held_out_composed": evaluate(code, [t for t in unseen if t.source == "composed"]),
            "pair_has_one_id": bool(pair[0] == pair[1]),
        },
    )


if __name__ == "__main__":
    main()
