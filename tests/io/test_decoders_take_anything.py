"""Records of arbitrary bytes: a bounded fuzz each time, and a guided one (atheris) in `make test-all`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.io.decoding import FORMATS, Subject, subjects

ROOT = Path(__file__).parents[2]
EXAMPLES = 25
GUIDED_S = 30


@pytest.fixture(scope="module")
def decoders() -> Iterator[dict[str, Subject]]:
    connection = duckdb.connect()
    yield {subject.name: subject for subject in subjects(connection)}
    connection.close()


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A good record with a few bytes changed, cut off or put in."""
    made = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(made)))
        match draw(st.integers(0, 3)):
            case 0:
                made[at : at + 1] = draw(st.binary(min_size=1, max_size=3))
            case 1:
                del made[at:]
            case 2:
                del made[at : at + draw(st.integers(1, 4))]
            case _:
                made[at:at] = draw(st.binary(min_size=1, max_size=12))
    return bytes(made)


@pytest.mark.parametrize("name", FORMATS)
def test_any_bytes(name: str, decoders: dict[str, Subject]) -> None:
    subject = decoders[name]

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        st.one_of(damaged(subject.good), st.binary(max_size=40), st.binary(max_size=40).map(subject.good[:5].__add__))
    )
    def check(payload: bytes) -> None:
        subject.check(payload)

    check()


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_record_and_none(name: str, decoders: dict[str, Subject]) -> None:
    subject = decoders[name]
    for payload in (subject.good, None, b""):
        subject.check(payload)


@pytest.mark.slow
def test_bytes_that_seek_new_ways_through_the_decoders(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [
        sys.executable,
        "-m",
        "tests.io.fuzz_decoders",
        f"-max_total_time={GUIDED_S}",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run([*command, "-seed=1"], cwd=ROOT, capture_output=True, text=True, timeout=20 * GUIDED_S)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
