"""Which of ksqlDB's own cases pass, kept so that none is lost: passing.txt lists their ids as sha256 prefixes.

    python -m tests.conformance.ratchet             compare with passing.txt
    python -m tests.conformance.ratchet --update    write passing.txt anew
    … --rest                                        the same for the cases of the REST interface, passing_rest.txt

The cases are Confluent's and lie beside the project, not in it; without them there is nothing to compare.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .rest import run_rest_cases

HERE = Path(__file__).parent
PASSING = HERE / "passing.txt"
PASSING_REST = HERE / "passing_rest.txt"
CONFORMANCE = HERE.parents[2] / "shared" / "conformance"
REST_CASES = CONFORMANCE / "cases" / "rest"


@dataclass(frozen=True)
class Compared:
    """Names of cases: `lost` passed before, `gained` pass and are not listed yet."""

    lost: tuple[str, ...]
    gained: tuple[str, ...]


def prefix(case_id: str) -> str:
    """A case's name without its text."""
    return hashlib.sha256(case_id.encode()).hexdigest()[:12]


def compare(verdicts: dict[str, str | None], listed: set[str]) -> Compared:
    """`verdicts`: why each case failed, None where it passed."""
    passed = {prefix(case) for case, why in verdicts.items() if why is None}
    lost = tuple(f"{prefix(c)} {c}: {why}" for c, why in verdicts.items() if why is not None and prefix(c) in listed)
    return Compared(lost, tuple(sorted(passed - listed)))


def listed(path: Path = PASSING) -> set[str]:
    """The prefixes of a list, none where there is no list yet."""
    if not path.exists():
        return set()
    return {line for line in path.read_text().splitlines() if line and not line.startswith("#")}


def run_cases() -> dict[str, str | None]:
    """The judge's verdict on every case."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "verdicts.jsonl"
        engine = [sys.executable, "-m", "mergus.engine.cli.main", "test", "--jsonl"]
        judge = [sys.executable, str(CONFORMANCE / "judge.py"), str(CONFORMANCE / "cases" / "queries")]
        subprocess.run([*judge, "--out", str(out), "--", *engine], check=False, stdout=subprocess.DEVNULL)
        return read_verdicts(out)


def read_verdicts(path: Path) -> dict[str, str | None]:
    """What the judge wrote."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["id"]: row["why"] for row in rows}


def write(verdicts: dict[str, str | None], path: Path = PASSING) -> None:
    """A list anew."""
    names = sorted(prefix(case) for case, why in verdicts.items() if why is None)
    which = " --rest" if path == PASSING_REST else ""
    head = f"# ksqlDB's cases that pass, by their ids' sha256. Written by: python -m tests.conformance.ratchet{which} --update"
    path.write_text("\n".join([head, *names, ""]))


def main() -> int:
    """Compare or update; the exit status says whether a case was lost."""
    arguments = argparse.ArgumentParser(description="hold on to the cases that pass")
    arguments.add_argument("--update", action="store_true", help="write passing.txt anew")
    arguments.add_argument(
        "--verdicts", type=Path, help="lines of id and why, as judge.py --out writes them, instead of a run"
    )
    arguments.add_argument("--rest", action="store_true", help="the REST interface's cases")
    given = arguments.parse_args()
    path = PASSING_REST if given.rest else PASSING
    if given.verdicts:
        verdicts = read_verdicts(given.verdicts)
    else:
        verdicts = run_rest_cases(REST_CASES) if given.rest else run_cases()
    found = compare(verdicts, listed(path))
    print(f"{len(found.lost)} lost, {len(found.gained)} gained", *found.lost, sep="\n")
    if given.update:
        write(verdicts, path)
        return 0
    return int(bool(found.lost))


if __name__ == "__main__":
    sys.exit(main())
