"""`cluster_id(text)`: 16 hex digits, the same for log lines of the same meaning.

A pure function of the text and the model's version: an id is given when the line arrives and never changes, whatever
lines came before and whichever worker sees it.
"""

import numpy as np
import pyarrow as pa

import mergus

HEX_PAIRS = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)


def as_hex(outputs: dict[str, np.ndarray]) -> pa.Array:
    """64-bit codes as text of 16 hex digits, without a row in Python."""
    codes = np.ascontiguousarray(outputs["code"]).astype(">i8").view(np.uint8)
    offsets = np.arange(0, 16 * (len(codes) // 8) + 1, 16, dtype=np.int32)
    digits = pa.py_buffer(HEX_PAIRS[codes].tobytes())
    return pa.StringArray.from_buffers(len(codes) // 8, pa.py_buffer(offsets), digits)


cluster_id = mergus.model_function(
    "cluster_id",
    artefact="cluster_id/artefact",
    inputs={"text": "STRING"},
    output="STRING",
    finish=as_hex,
    description="16 hex digits, the same for log lines of the same meaning whatever their parameters and tails.",
    examples=["SELECT cluster_id(message), COUNT(*) FROM logs GROUP BY cluster_id(message) EMIT CHANGES;"],
)
