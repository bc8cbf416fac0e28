"""`python -m mergus`: the command, where it is not on the path."""

from __future__ import annotations

from mergus.engine.cli.main import main

if __name__ == "__main__":
    main()
