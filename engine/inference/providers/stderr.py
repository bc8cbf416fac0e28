"""What a framework's C++ code writes to standard error while it starts, without the lines that tell nobody anything.

TensorFlow 2.21 says there, past every setting of its logs, that oneDNN is used, twice, each time with a warning that its
logs are not set up yet; LiteRT says which kernels it uses. It would stand in front of the answers of `mergus run`. All else
that is written goes on.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2
_IDLE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|I\d{4} .*oneDNN custom operations are on"
    rb"|INFO: Created TensorFlow Lite .* delegate"
)


@contextmanager
def without_idle_words() -> Iterator[None]:
    """Holds the process's standard error back while the block runs, and then writes what is worth it.

    What other threads and new processes write meanwhile is held back, too. Without a standard error nothing is done.
    """
    try:
        real = os.dup(_STDERR)
    except OSError:  # closed, as a daemon's may be
        yield
        return
    _flush()
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            _flush()
            os.dup2(real, _STDERR)
            os.close(real)
            held.seek(0)
            os.write(_STDERR, b"".join(line for line in held if not _IDLE.match(line)))


def _flush() -> None:
    if sys.stderr is not None:  # as where Python found it closed
        sys.stderr.flush()
