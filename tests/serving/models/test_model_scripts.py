"""Models in SQL test files: `mergus test` registers them, moves aliases between records, and refuses what does not fit."""

from pathlib import Path

from mergus.engine.cli.testing.command import test as mergus_test

CASES = Path(__file__).parent / "model_cases" / "models.sql"


def test_models_in_a_test_file(capsys) -> None:
    failed = mergus_test(CASES)
    told = capsys.readouterr().out
    assert not failed, told
    assert told.count("ok ") == CASES.read_text().count("--@test:")
