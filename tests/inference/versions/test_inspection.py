"""A look at an artefact: what the process of its own leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

import mergus

ASKS = """
import sys
from mergus.engine.inference.versions.inspection import inspect
common = {"provider": "python", "options": {}, "inputs": [["X", "DOUBLE"]], "outputs": [["Y", "DOUBLE"]]}
inspect({"name": "M", "path": sys.argv[1], **common})
"""
HANGS = """
import pathlib, time
pathlib.Path({begun!r}).touch()
time.sleep(600)
"""


def test_a_kill_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    temporary, begun, model = tmp_path / "temporary", tmp_path / "begun", tmp_path / "model.py"
    temporary.mkdir()
    model.write_text(HANGS.format(begun=str(begun)))
    asking = subprocess.Popen(
        [sys.executable, "-c", ASKS, str(model)], env=os.environ | {"TMPDIR": str(temporary)}, stderr=subprocess.PIPE
    )
    try:
        end = time.monotonic() + 60
        while not begun.exists():
            assert asking.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        asking.send_signal(signal.SIGKILL)
        asking.communicate()
    assert list(temporary.iterdir()) == []


def test_golden_inputs_may_be_bytes(tmp_path: Path) -> None:
    (tmp_path / "turned.py").write_text("def predict(file):\n    return [f[::-1] for f in file]\n")
    create = (
        "CREATE MODEL {} INPUT (file BYTES) OUTPUT (turned BYTES) WITH (provider='python', path='{}', self_test='{}');"
    )
    with mergus.connect() as db:
        for name, output, refused in (
            ("good", '{"b64": "DQD/"}', None),
            ("bad", '{"b64": "AAAA"}', "fails its self-test"),
            ("no_base64", '{"b64": "A"}', "bytes are no base64"),
        ):
            statement = create.format(
                name, tmp_path / "turned.py", f'[{{"input": {{"b64": "/wAN"}}, "output": {output}}}]'
            )
            with pytest.raises(mergus.MergusError, match=refused) if refused else nullcontext():
                db.execute(statement)
        assert [m["name"] for m in db.models.list()] == ["GOOD"]
