"""`embed(text)`: what a log line means, as 64 floats of length one; near (by cosine) for lines that say the same."""

import mergus

embed = mergus.model_function(
    "embed",
    artefact="embed/artefact",
    inputs={"text": "STRING"},
    output="FLOAT[64]",
    description="The meaning of a log line as a vector of length one; lines that say the same are near by cosine.",
    examples=["SELECT embed(message) FROM logs EMIT CHANGES;"],
)
