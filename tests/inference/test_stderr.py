"""A framework's start leaves standard error to those who have something to say."""

import os
import subprocess
import sys

from mergus.engine.inference.providers.stderr import without_idle_words

IDLE = b"I0000 00:00:1795339700.564829    9717 port.cc:153] oneDNN custom operations are on. You may see\n"


def test_words_of_worth_come_through_and_others_do_not(capfd):
    with without_idle_words():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n" + IDLE)
        os.write(2, b"W0000 a warning\n")
        os.write(2, b"from another thread\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "W0000 a warning\nfrom another thread\n"


def test_what_is_raised_inside_leaves_standard_error_as_it_was(capfd):
    try:
        with without_idle_words():
            os.write(2, b"before it failed\n")
            raise ValueError
    except ValueError:
        os.write(2, b"after\n")
    assert capfd.readouterr().err == "before it failed\nafter\n"


def test_a_process_without_standard_error_goes_on():
    program = (
        "from mergus.engine.inference.providers.stderr import without_idle_words\n"
        "with without_idle_words(): print(2 - 1)"
    )
    done = subprocess.run(
        f"exec {sys.executable} -c '{program}' 2>&-", shell=True, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_tensorflow_starts_in_silence():
    program = (
        "from mergus.engine.inference.providers.tensorflow import tensorflow; print(int(tensorflow().constant(2) + 1))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("3\n", "")
