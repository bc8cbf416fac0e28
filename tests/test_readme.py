"""The README's commands are run, in order, in one folder; where an answer is printed behind one, it is what comes."""

from pathlib import Path

from tests.blocks import run_blocks

README = Path(__file__).parent.parent / "README.md"


def test_the_tutorial(tmp_path):
    run_blocks(README.read_text().split("## Ten minutes")[1].split("## More")[0], tmp_path)
