"""Pages whose commands are run: a block `sh` or `python`, and behind it, in a block without a language, what it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)


def run_blocks(text: str, folder: Path, timeout_s: float = 300) -> None:
    """Runs a page's blocks in a folder, in order, as a reader with the environment activated would type them."""
    blocks = BLOCK.findall(text)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for (language, command), (following, answer) in zip(blocks, [*blocks[1:], ("end", "")], strict=True):
        if language not in ("sh", "python"):
            continue
        line = ["bash", "-ec", command] if language == "sh" else [sys.executable, "-c", command]
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        if not following and language == "sh":
            assert done.stdout == answer, command
