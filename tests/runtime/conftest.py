"""The runtime's tests share plans, flows and fakes, which the processes that they start import too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
