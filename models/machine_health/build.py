"""Builds the two versions behind `queries/machine_health`: how unlike a healthy machine's a vibration is.

An autoencoder: 50 values through 32 numbers and back, learned from healthy machines only; what it cannot give back is odd. The
first version has seen machines that idle, the second also machines at work. Run: python models/machine_health/build.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mergus.models import network
from mergus.models.machine_health.vibrations import MACHINES, SAMPLES, vibration

HERE = Path(__file__).parent
STORY = HERE.parents[1] / "queries" / "machine_health"
SEED = 17
HIDDEN, EPOCHS, BATCH, RATE = 32, 80, 128, 2e-3
IDLE, AT_WORK, TEST = 1_500, 3_000, 400
"""So many vibrations of each machine."""
ODD = 0.015
"""From which error on a vibration is odd, as in the story."""
FIRST_AT_MS, EACH_MS = 1_767_225_600_000, 10_000


class Autoencoder(tf.Module):
    """`vibration [rows, 50]` to `error [rows]`: the mean square of what is not given back, in g²."""

    def __init__(self) -> None:
        super().__init__()
        random = tf.random.Generator.from_seed(SEED)
        self.inner = tf.Variable(random.normal([SAMPLES, HIDDEN], stddev=0.14))
        self.inner_bias = tf.Variable(tf.zeros([HIDDEN]))
        self.outer = tf.Variable(random.normal([HIDDEN, SAMPLES], stddev=0.2))
        self.outer_bias = tf.Variable(tf.zeros([SAMPLES]))

    def error(self, values: Any) -> Any:
        given_back = tf.tanh(values @ self.inner + self.inner_bias) @ self.outer + self.outer_bias
        return tf.reduce_mean(tf.square(values - given_back), 1)


def drawn(count: int, loads: tuple[float, float], crack: float, random: Any) -> Any:
    """`count` vibrations of each machine at loads between the two."""
    made = [vibration(m, random.uniform(*loads), crack, random) for m in MACHINES for _ in range(count)]
    return np.array(made, dtype=np.float32)


def trained(values: Any) -> Autoencoder:
    """An autoencoder of these vibrations."""
    model, optimizer, order = Autoencoder(), tf.keras.optimizers.Adam(RATE), np.random.default_rng(SEED)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(batch: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model.error(batch))
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )

    for _ in range(EPOCHS):
        shuffled = order.permutation(len(values))
        for at in range(0, len(values) - BATCH + 1, BATCH):
            step(tf.constant(values[shuffled[at : at + BATCH]]))
    return model


def save(model: Autoencoder, file: Path) -> None:
    """One file for TensorFlow Lite, which runs on small devices, too."""
    served = tf.function(
        lambda vibration: {"error": model.error(vibration)},
        input_signature=[tf.TensorSpec([None, SAMPLES], tf.float32, name="vibration")],
    )
    with tempfile.TemporaryDirectory() as folder:  # only a SavedModel's way keeps the tensors' names
        tf.saved_model.save(model, folder, signatures=served)
        file.write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    print(f"saved {file.name}: {file.stat().st_size / 1e3:.1f} kB")


def figures(model: Autoencoder, random: Any) -> dict[str, float]:
    """How many healthy vibrations are called odd, and how many of cracked bearings."""
    kinds = {"idle": ((0, 0), 0.0), "at_work": ((0.5, 1), 0.0), "half_cracked": ((0, 1), 0.5), "cracked": ((0, 1), 1.0)}
    odd = {name: model.error(drawn(TEST, *how, random)).numpy() > ODD for name, how in kinds.items()}
    return {f"odd_of_{name}": round(float(found.mean()), 4) for name, found in odd.items()}


def days(random: Any) -> dict[str, list[tuple[str, float, float]]]:
    """What the machines do every ten seconds of the story's two files: machine, load, crack."""
    steps = range(18)
    monday = [(m, 0.9 if m == "mill-1" and n >= 9 else 0.0, 0.0) for n in steps for m in MACHINES]
    tuesday = [(m, random.uniform(0.5, 1), min(1.0, n / 6) if m == "lathe-2" else 0.0) for n in steps for m in MACHINES]
    return {"monday": monday, "tuesday": tuesday}


def main() -> None:
    network.set_up(SEED)
    random = np.random.default_rng(SEED)
    idle, at_work = drawn(IDLE, (0, 0.1), 0.0, random), drawn(AT_WORK, (0, 1), 0.0, random)
    versions = {"1": trained(idle), "2": trained(np.concatenate([idle, at_work]))}
    (HERE / "artefact").mkdir(exist_ok=True)
    for name, model in versions.items():
        save(model, HERE / "artefact" / f"{name}.tflite")
    network.report(HERE, {f"version_{n}": figures(m, np.random.default_rng(SEED + 1)) for n, m in versions.items()})
    for day, (name, states) in enumerate(days(random).items()):
        with (STORY / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            for number, (machine, load, crack) in enumerate(states):
                at = FIRST_AT_MS + day * 86_400_000 + number // len(MACHINES) * EACH_MS
                values = [round(float(v), 2) for v in vibration(machine, load, crack, random)]
                file.write(
                    json.dumps({"machine": machine, "at": at, "vibration": values}, separators=(",", ":")) + "\n"
                )


if __name__ == "__main__":
    main()
