"""`lsh` over lists and fixed vectors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mergus.udfs.lsh import lsh

FLOATS = pa.list_(pa.float32())


def ids(rows: list[list[float | None]] | np.ndarray, bits: int) -> list[str | None]:
    made = lsh(pa.array([list(r) for r in rows], FLOATS), pa.array([bits] * len(rows), pa.int32()))
    return list(made.to_pylist())


def test_an_id_is_of_the_direction_and_the_same_for_ever() -> None:
    assert ids([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [-1.0, -2.0, -3.0]], 16) == ["1ca9", "1ca9", "e356"]


def test_vectors_share_a_bit_as_often_as_their_angle_says() -> None:
    random = np.random.default_rng(7)
    first, other = random.normal(size=(2, 400, 32))
    angle = np.degrees(
        np.arccos((first * other).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(other, axis=1))
    )
    both = [
        (int(a or "", 16) ^ int(b or "", 16)).bit_count() for a, b in zip(ids(first, 256), ids(other, 256), strict=True)
    ]
    assert np.mean(both) / 256 == pytest.approx(np.mean(angle) / 180, abs=0.005)


def test_more_bits_begin_with_fewer() -> None:
    (few,), (many,) = ids([[0.3, -0.2]], 8), ids([[0.3, -0.2]], 64)
    assert (few, len(many or "")) == ((many or "")[:2], 16)


def test_widths_and_counts_may_differ_by_row_and_what_is_not_whole_has_no_id() -> None:
    made = lsh(
        pa.array([[1.0], [1.0, 2.0], [1.0, None], [float("nan")], [], [1.0]], FLOATS),
        pa.array([4, 8, 8, 4, 4, 6], pa.int32()),
    ).to_pylist()
    assert [None if i is None else len(i) for i in made] == [1, 2, None, None, 1, 2]


def test_bits_have_bounds() -> None:
    for bits in (0, 257):
        with pytest.raises(ValueError, match="1 to 256"):
            ids([[1.0]], bits)
