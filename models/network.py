"""The network that the three models share in kind (each trains its own): what surrounds a token, in four steps.

Lines of a batch are laid end to end, so that no padding is computed: a token's vector is joined by where it stands (place
in the line, clause, whether a parameter came before), and two narrow convolutions mix it with its neighbours of the same
line. Words that training has not seen share one vector, learned by hiding known words at random.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mergus.models import tokens
from mergus.models.corpus import slots

PLACES, CLAUSES, AFTER = 16, 4, 3
SIGNS = 4
"""How many things a token may know of all that stands before it (that something failed, say)."""
UNKNOWN, ENGLISH = 0, 1
"""Learned rows of words that training has not seen: names and the like, and words of the language."""
HIDE = 0.2
"""How often training hides a known word, so that an unknown one is judged by its kind and its neighbours."""


class Vocabulary:
    """All words that have a row: those met in the training lines, and those of the corpus' list with their vectors.

    `table` maps a token's hash to its row (0: none); `learned` maps a row to the row of what training learns about the
    word (UNKNOWN, ENGLISH for all words of the list that training has not met, or one of its own); `vectors` holds what
    documentation says about the word, zero where it says nothing.
    """

    def __init__(self, lines: Iterable[Sequence[str]], least: int = 4) -> None:
        counts = Counter(word for words in lines for word in words)
        known = sorted(w for w, n in counts.items() if n >= least)
        own = {w: i for i, w in enumerate(known, start=ENGLISH + 1)}
        listed = np.load(slots.HERE / "vectors.npy").astype(np.float32) / 127
        self._rows = {w: row for row, w in enumerate(dict.fromkeys([*slots.ENGLISH, *known]), start=1)}
        self.learned = np.array([UNKNOWN, *(own.get(w, ENGLISH) for w in self._rows)], dtype=np.int32)
        self.learned_count = len(known) + ENGLISH + 1
        self.vectors = np.zeros((len(self._rows) + 1, listed.shape[1]), dtype=np.float32)
        self.vectors[1 : len(listed) + 1] = listed
        self.table = np.zeros(tokens.HASHES, dtype=np.int16)
        places = tokens.hashes(tf.constant(list(self._rows))).numpy() % tokens.HASHES
        # Where two words meet in one place, the one that training has met wins.
        for met in (False, True):
            for (word, row), place in zip(self._rows.items(), places, strict=True):
                if (word in own) == met:
                    self.table[place] = row

    def encode(self, words: Sequence[str]) -> list[int]:
        """The row of each word, as the graph finds it (but for a word that meets another's hash)."""
        return [self._rows.get(word, UNKNOWN) for word in words]

    def row(self, word: str) -> int:
        """The row of a word that must have one."""
        return self._rows[word]

    def plain(self) -> np.ndarray[Any, Any]:
        """For each row whether its word is made of letters (or unknown): neither punctuation nor a parameter."""
        return np.array([True, *(word[0].isalpha() for word in self._rows)])


class Network(tf.Module):
    """Tokens in, one vector of `width` a token out; `word` is the size of what is learned of a word."""

    def __init__(self, vocabulary: Vocabulary, *, word: int, width: int, seed: int) -> None:
        super().__init__()
        r = np.random.default_rng(seed)

        def weights(*shape: int, scale: float | None = None) -> tf.Variable:
            scale = scale or float(np.sqrt(2.0 / shape[0]))
            return tf.Variable(r.normal(0, scale, shape).astype(np.float32))

        self.weights = weights
        self.table = tf.constant(vocabulary.table)
        self.plain = tf.constant(vocabulary.plain())
        self.colon, self.parameter = vocabulary.row(":"), vocabulary.row("#")
        self.learned = tf.constant(vocabulary.learned)
        self.vectors = tf.constant(vocabulary.vectors)
        self.words = weights(vocabulary.learned_count, word, scale=0.3)
        self.place = weights(PLACES, 4, scale=0.3)
        self.clause = weights(CLAUSES * AFTER, 4, scale=0.3)
        self.word_size = word + vocabulary.vectors.shape[1]
        inner = self.word_size + 8
        self.first, self.first_bias = weights(3 * inner, width), tf.Variable(tf.zeros(width))
        self.signs = weights(width, SIGNS, scale=0.1)
        self.second, self.second_bias = weights(3 * width + SIGNS, width), tf.Variable(tf.zeros(width))

    def rows(self, hashes: Any) -> Any:
        """The vocabulary row of each token's hash."""
        return tf.cast(tf.gather(self.table, hashes % tokens.HASHES), tf.int32)

    def read(self, hashes: Any) -> tuple[Any, Any]:
        """The row of each token, and that of what is learned of it."""
        rows = self.rows(hashes)
        return rows, tf.gather(self.learned, rows)

    def __call__(self, rows: Any, learned: Any, line: Any) -> tuple[Any, Any]:
        """Vectors of the tokens before and after the convolutions; `line` is each token's line, ascending."""
        words = tf.concat([tf.gather(self.words, learned), tf.gather(self.vectors, rows)], 1)
        at = tf.range(tf.size(line))
        start = line != tf.concat([[-1], line], 0)[: tf.size(line)]
        begin = tf.gather(tf.boolean_mask(at, start), tf.cumsum(tf.cast(start, tf.int32)) - 1)
        place = tf.minimum(at - begin, PLACES - 1)
        clause = tf.minimum(_before(tf.cast(rows == self.colon, tf.int32), begin), CLAUSES - 1)
        after = tf.minimum(_before(tf.cast(rows == self.parameter, tf.int32), begin), AFTER - 1)
        x = tf.concat([words, tf.gather(self.place, place), tf.gather(self.clause, clause * AFTER + after)], 1)
        h = tf.nn.relu(_neighbours(x, line, 1) @ self.first + self.first_bias)
        seen = tf.tanh(_before(tf.nn.relu(h @ self.signs), begin))
        mixed = tf.concat([_neighbours(h, line, 2), seen], 1)
        return words, tf.nn.relu(mixed @ self.second + self.second_bias)


def _before(values: Any, begin: Any) -> Any:
    """The sum of the values before each token in its line, which begins at `begin`.

    Summed over the batch in 64 bits and taken apart again, so that a line's answer does not feel the lines before it.
    """
    total = tf.cumsum(tf.cast(values, tf.float64), exclusive=True)
    return tf.cast(total - tf.gather(total, begin), values.dtype)


def _neighbours(x: Any, line: Any, distance: int) -> Any:
    """Each vector between those `distance` before and after it, zero beyond its line."""
    pad = tf.zeros([distance, x.shape[1]])
    edge = tf.fill([distance], -1)
    before = tf.concat([pad, x], 0)[: tf.shape(x)[0]]
    behind = tf.concat([x, pad], 0)[distance:]
    same_before = tf.concat([edge, line], 0)[: tf.size(line)] == line
    same_behind = tf.concat([line, edge], 0)[distance:] == line
    return tf.concat(
        [before * tf.cast(same_before, x.dtype)[:, None], x, behind * tf.cast(same_behind, x.dtype)[:, None]], 1
    )


def tokenize(text: Any) -> tuple[Any, Any, Any]:
    """Words, their hashes and their lines (indices into `text`), laid end to end."""
    split = tokens.split(text)
    return split.flat_values, tokens.hashes(split.flat_values), tf.cast(split.value_rowids(), tf.int32)


def is_empty(line: Any, count: Any) -> Any:
    """Whether each line has no token at all."""
    return by_line(tf.math.segment_sum, tf.ones_like(line), line, count) == 0


def by_line(reduce: Any, values: Any, line: Any, count: Any) -> Any:
    """`reduce` (a sorted segment reduction, which is much faster than an unsorted one) over the tokens of each line.

    Lines without a token give zero, those at the end of the batch too.
    """
    reduced = reduce(values, line)
    missing = count - tf.shape(reduced)[0]
    return tf.pad(reduced, [[0, missing], *[[0, 0]] * (len(values.shape) - 1)])


def pool(context: Any, weight: Any, line: Any, count: Any) -> tuple[Any, Any]:
    """A line's token vectors, their weighted mean beside their maximum; and the tokens' weights."""
    attention = tf.nn.softplus(context @ weight)
    total = by_line(tf.math.segment_sum, tf.concat([context * attention, attention], 1), line, count)
    weighted = total[:, :-1] / (total[:, -1:] + 1e-3)
    return tf.concat([weighted, by_line(tf.math.segment_max, context, line, count)], 1), attention


def words_of(texts: Sequence[str]) -> list[list[str]]:
    """The tokens of each text, as the graph splits it."""
    return [[w.decode("utf-8", "replace") for w in ws] for ws in tokens.split(tf.constant(list(texts))).to_list()]


def hashes_of(words: Sequence[str]) -> Any:
    """The hash of each word, as the graph makes it."""
    return tokens.hashes(tf.constant(list(words)))


class Batches:
    """Encoded lines, handed out in shuffled batches with known words hidden at random."""

    def __init__(self, vocabulary: Vocabulary, words: Sequence[Sequence[str]], seed: int) -> None:
        self.rows = [np.asarray(vocabulary.encode(ws), dtype=np.int32) for ws in words]
        self.learned = vocabulary.learned
        self.plain = [np.array([w[0].isalpha() for w in ws], dtype=bool) for ws in words]
        self.random = np.random.default_rng(seed)

    def order(self, size: int) -> Iterable[np.ndarray[Any, Any]]:
        """Indices of the lines of each batch of one epoch."""
        order = self.random.permutation(len(self.rows))
        return (order[i : i + size] for i in range(0, len(order), size))

    def feed(self, chosen: Sequence[int], hide: float = HIDE) -> tuple[Any, Any, Any]:
        """What `Network` takes, for these lines."""
        rows = np.concatenate([self.rows[i] for i in chosen])
        plain = np.concatenate([self.plain[i] for i in chosen])
        line = np.repeat(np.arange(len(chosen), dtype=np.int32), [len(self.rows[i]) for i in chosen])
        learned = self.learned[rows]
        hidden = plain & (learned > ENGLISH) & (self.random.random(len(rows)) < hide)
        vanished = hidden & (self.random.random(len(rows)) < 0.2)
        learned = np.where(vanished, UNKNOWN, np.where(hidden, ENGLISH, learned)).astype(np.int32)
        rows = np.where(vanished, 0, rows).astype(np.int32)
        return tf.constant(rows), tf.constant(learned), tf.constant(line)


def train(variables: Sequence[Any], loss_of: Any, batches: Iterable[Sequence[Any]], rate: float, steps: int) -> None:
    """Adam with a rate that falls to zero over `steps`; `loss_of(*batch)` gives the loss of one batch."""
    optimizer = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(rate, steps))
    compiled = tf.function(loss_of, reduce_retracing=True)
    total = 0.0
    for step, batch in enumerate(batches, start=1):
        with tf.GradientTape() as tape:
            loss = compiled(*batch)
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        total += float(loss)
        if step % 200 == 0:
            print(f"  step {step} of {steps}: loss {total / 200:.4f}", flush=True)
            total = 0.0


def freeze(variable: Any) -> Any:
    """A variable's value as a constant, so that an artefact is one file."""
    return tf.constant(variable.numpy())


def freeze_network(network: Network) -> None:
    """Turn every weight of the network into a constant of the graph."""
    for name in ("words", "place", "clause", "first", "first_bias", "signs", "second", "second_bias"):
        setattr(network, name, freeze(getattr(network, name)))


def export(folder: Path, answer: Any, *, takes: Any = None, **others: Any) -> None:
    """Save `answer` as a SavedModel's default signature, `others` by name, and the manifest of its files.

    `takes` is the spec of what they take: a column of texts unless told.
    """
    takes = takes or tf.TensorSpec([None], tf.string, name="text")
    module = tf.Module()
    signatures = {}
    for name, function in {"serving_default": answer, **others}.items():
        signatures[name] = tf.function(function, input_signature=[takes])
        setattr(module, name, signatures[name])
    save(folder, module, signatures)


def save(folder: Path, module: Any, signatures: Any) -> None:
    """Save a module as a SavedModel, with the manifest of its files; the same build gives the same bytes."""
    made = folder.with_name(folder.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    tf.saved_model.save(module, str(made), signatures=signatures)
    (made / "fingerprint.pb").unlink(missing_ok=True)  # a random number
    for empty in [d for d in made.iterdir() if d.is_dir() and not any(d.iterdir())]:
        empty.rmdir()
    write_manifest(made)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    print(f"saved {folder.name}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file()) / 1e6:.2f} MB")


def write_manifest(folder: Path) -> None:
    """List size and digest of an artefact's files beside them."""
    files = sorted(f for f in folder.rglob("*") if f.is_file() and f.name != "manifest.json")
    listed = {f.relative_to(folder).as_posix(): _entry(f) for f in files}
    (folder / "manifest.json").write_text(json.dumps({"files": listed}, indent=1) + "\n", "utf-8")


def _entry(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def report(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write the held-out figures beside the artefact, where the card and the tests read them."""
    (folder / "figures.json").write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", "utf-8")
    print(json.dumps(figures, indent=1, sort_keys=True))


def set_up(seed: int) -> None:
    """One thread and fixed seeds: the same build gives the same scores."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
