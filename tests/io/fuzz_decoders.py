"""The guided fuzz of the record decoders: atheris watches which lines of the formats each input reaches, and goes on from
those that reach new ones.

    python -m tests.io.fuzz_decoders -max_total_time=600

An input that breaks a rule of `decoding.py` ends it with a traceback and a file `crash-…`; given as argument, it is run alone.
"""

from __future__ import annotations

import sys

import atheris
import duckdb

with atheris.instrument_imports(include=["mergus.engine.io.formats"]):
    from tests.io.decoding import subjects

SUBJECTS = tuple(subjects(duckdb.connect()))


def one_input(data: bytes) -> None:
    """The first byte chooses the decoder; the second, whether the rest follows the good record's own beginning."""
    if len(data) < 2:
        return
    subject, rest = SUBJECTS[data[0] % len(SUBJECTS)], data[2:]
    subject.check(subject.good[: data[1] % (len(subject.good) + 1)] + rest)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
