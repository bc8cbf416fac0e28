"""murmur2 is Kafka's: its published values, and one answer however a column is held."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mergus.engine.io.partitioner import NO_PARTITION, key_groups, murmur2, murmur2_of, partition_of

# Kafka's own test values, as signed 32-bit integers.
KNOWN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed"), KNOWN.items())
def test_known_values(key: bytes, signed: int) -> None:
    assert murmur2_of(key) == signed & 0xFFFFFFFF
    assert murmur2(pa.array([key])).tolist() == [signed & 0xFFFFFFFF]


@given(st.lists(st.none() | st.binary(max_size=40), max_size=60), st.integers(0, 5))
def test_a_column_hashes_as_its_keys_do(keys: list[bytes | None], start: int) -> None:
    expected = [murmur2_of(key or b"") for key in keys][start:]
    column = pa.array(keys, pa.binary())[start:]
    assert murmur2(column).tolist() == expected
    assert murmur2(column.dictionary_encode()).tolist() == expected


def test_many_and_long_keys_take_the_other_ways_to_the_same_hash() -> None:
    keys = [b"key-%d-" % (i % 100) + b"x" * (i % 37) for i in range(5000)] + [b"y" * 1_000_003]
    assert murmur2(pa.array(keys)).tolist() == [murmur2_of(key) for key in keys]


def test_a_null_key_has_no_partition_but_a_group() -> None:
    keys = pa.array([b"abc", None], pa.binary())
    assert partition_of(keys, 7).tolist() == [(479470107 & 0x7FFFFFFF) % 7, NO_PARTITION]
    assert all(0 <= group < 64 for group in key_groups(keys))
