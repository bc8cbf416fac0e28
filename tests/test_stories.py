"""The stories of queries/: the commands of each one's README are run, and answer what stands there."""

from pathlib import Path

import pytest

from tests.blocks import run_blocks

ROOT = Path(__file__).parent.parent
STORIES = sorted(page.parent.name for page in (ROOT / "queries").glob("*/README.md"))


@pytest.mark.parametrize("story", STORIES)
def test_the_story_of(story, tmp_path):
    for part in ("queries", "models"):
        (tmp_path / part).symlink_to(ROOT / part)
    page = (ROOT / "queries" / story / "README.md").read_text()
    assert "```sh\n" in page, "a story shows how it is run"
    run_blocks(page, tmp_path)
