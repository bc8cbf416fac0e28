"""`cosine_similarity` over lists and fixed vectors."""

from __future__ import annotations

import pyarrow as pa
import pytest

from mergus.udfs.cosine_similarity import cosine_similarity
from mergus.udfs.embed import embed

FLOATS = pa.list_(pa.float32())


def test_cosines() -> None:
    a = pa.array([[1, 0], [1, 2], [1, 1], [0, 0], [], [1, None]], FLOATS)
    b = pa.array([[0, 3], [2, 4], [-1, -1], [1, 0], [], [1, 1]], FLOATS)
    assert cosine_similarity(a, b).to_pylist() == [0, pytest.approx(1), pytest.approx(-1), None, None, None]


def test_other_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        cosine_similarity(pa.array([[1.0]], FLOATS), pa.array([[1.0, 2.0]], FLOATS))


def test_embeddings_of_like_lines_are_alike() -> None:
    like = embed(["Failed to open file /etc/a", "Could not open file /srv/b: Permission denied"])
    other = embed(["Starting worker 7", "Payment 12 accepted"])
    near = cosine_similarity(like.take(pa.array([0])), like.take(pa.array([1])))[0].as_py()
    far = cosine_similarity(like.take(pa.array([0])), other.take(pa.array([0])))[0].as_py()
    assert near > 0.8 > 0.4 > far
