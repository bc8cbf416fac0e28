"""`classify(text)` and `classify_detail(text)`: what kind of line a log line is, and how sure that is.

The kinds: failure, warning, security, performance, lifecycle, access, normal. Both functions read one model's answer,
which is computed once a distinct line however many of them a statement uses.
"""

import numpy as np
import pyarrow as pa

import mergus


def label(outputs: dict[str, np.ndarray]) -> pa.Array:
    """The kinds as text."""
    return pa.array(outputs["label"], pa.binary()).cast(pa.string())


def label_and_probability(outputs: dict[str, np.ndarray]) -> pa.Array:
    """The kinds beside their probabilities."""
    probability = pa.array(outputs["probability"].astype(np.float64))
    return pa.StructArray.from_arrays([label(outputs), probability], names=["label", "probability"])


classify = mergus.model_function(
    "classify",
    artefact="classify/artefact",
    inputs={"text": "STRING"},
    output="STRING",
    finish=label,
    description="The kind of a log line: failure, warning, security, performance, lifecycle, access or normal.",
    examples=["SELECT * FROM logs WHERE classify(message) = 'failure' EMIT CHANGES;"],
)

classify_detail = mergus.model_function(
    "classify_detail",
    artefact="classify/artefact",
    inputs={"text": "STRING"},
    output="STRUCT<label STRING, probability DOUBLE>",
    finish=label_and_probability,
    description="The kind of a log line with its probability.",
    examples=["SELECT classify_detail(message)->probability FROM logs EMIT CHANGES;"],
)
