"""The wheel is whole: installed in a fresh environment it works from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.house.tree import ROOT

pytestmark = pytest.mark.slow
MODULES = "mergus, mergus.engine, mergus.udfs, mergus.models, mergus.engine.cli.main"
JOB = (
    "import mergus\n"
    "with mergus.connect() as db:\n"
    "    db.execute(\"CREATE STREAM s (m STRING) WITH (kafka_topic='s', value_format='JSON', partitions=1);\")\n"
    "    db.insert('S', [{'M': 'took 12 ms'}])\n"
    "    print(db.query('SELECT template_id(m) AS t FROM s;').one())\n"
)


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | environment
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel(tmp_path: Path) -> None:
    """Dependencies are those of this environment; the wheel's files must be all that is wanted of Mergus."""
    tracked = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")[:-1]
    source = tmp_path / "source"
    for name in tracked:  # as a clone has it: without what is ignored
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            (source / name).symlink_to(os.readlink(ROOT / name))
        elif (ROOT / name).is_file():
            (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--quiet", "--wheel-dir", tmp_path / "made", cwd=source)
    (wheel,) = (tmp_path / "made").glob("mergus-*.whl")
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet", wheel, cwd=tmp_path)
    (site,) = (tmp_path / "fresh" / "lib").glob("python*/site-packages")
    (here,) = {path for path in sys.path if path.endswith("site-packages")}
    (site / "dependencies.py").write_text(f"import sys; sys.path.append({here!r})\n")
    (site / "dependencies.pth").write_text("import dependencies\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    places = run(python, "-c", f"import {MODULES}; print(mergus.__file__)", cwd=elsewhere)
    assert places.strip().startswith(str(site))
    assert "mergus server" in run(tmp_path / "fresh" / "bin" / "mergus", "--help", cwd=elsewhere)
    assert "'T': '" in run(python, "-c", JOB, cwd=elsewhere)
    installed = {p.relative_to(site / "mergus").as_posix() for p in (site / "mergus").rglob("*") if p.is_file()}
    wanted = {name for name in tracked if name.startswith(("engine/", "udfs/", "models/")) and (ROOT / name).is_file()}
    # what models are trained on, and the stories' models
    stay = tuple(f"models/{name}/" for name in ("corpus", "captions", "car_buyer", "digits", "machine_health"))
    assert {name for name in wanted - installed if not name.startswith(stay)} == set()
