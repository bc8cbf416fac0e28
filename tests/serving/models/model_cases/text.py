"""A model of a test: a score and what it has seen."""


def predict(text, weight):
    if any(t == "broken" for t in text):
        raise ValueError("broken")
    return {"score": [len(t) * w for t, w in zip(text, weight, strict=True)], "seen": [f"<{t}>" for t in text]}
