"""The README's commands, and the examples of the page on Python, are run in order, in one folder; where an answer is printed
behind one, it is what comes."""

from pathlib import Path

from tests.blocks import run_blocks

ROOT = Path(__file__).parent.parent


def test_the_tutorial(tmp_path):
    run_blocks((ROOT / "README.md").read_text().split("## Ten minutes")[1].split("## More")[0], tmp_path)


def test_the_page_on_python(tmp_path):
    run_blocks((ROOT / "docs/python.md").read_text(), tmp_path)
