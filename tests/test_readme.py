"""The README's commands are run, in order, in one folder; where an answer is printed behind one, it is what comes."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def test_the_tutorial(tmp_path):
    tutorial = README.read_text().split("## Ten minutes")[1].split("## More")[0]
    blocks = BLOCK.findall(tutorial)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for (language, text), (following, answer) in zip(blocks, [*blocks[1:], ("end", "")], strict=True):
        if language not in ("sh", "python"):
            continue
        command = ["bash", "-ec", text] if language == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        if not following and language == "sh":
            assert done.stdout == answer, text
