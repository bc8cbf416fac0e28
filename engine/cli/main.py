"""The command `mergus`: which commands there are; each is a module of its own, loaded when it is called."""

from __future__ import annotations

import os
import signal
import sys
import textwrap

from cyclopts import App

from ..config import SETTINGS
from .failing import told

app = App(
    name="mergus",
    help="""ksqlDB's SQL in Python, with models inside.

    By example:

        mergus run -e "SELECT * FROM lines;" setup.sql  # run statements
        mergus server --data ./data                     # a server
        mergus --server http://127.0.0.1:8088           # a prompt on that server
        mergus --data ./data                            # or on an own engine
        echo '{"message": "hello"}' | mergus produce logs --data ./data
    """,
    help_format="plaintext",
    version_flags=["--version"],
)


def _command(module: str, name: str, help: str, *examples: str, more: str = "") -> None:
    """Name a command; its module is loaded when it is called, so what the help says of it stands here."""
    shown = "".join(f"\n    {example}" for example in examples)
    app.command(f"mergus.engine.cli.{module}:{name}", name=name, help=f"{help}\n\nBy example:\n{shown}\n{more}")


def _settings_told() -> str:
    """Every setting: what it is unless said otherwise, and below it what it means."""
    told = "\nSettings, by --setting, as MERGUS_… in the environment (dots are _) or in the file of --config:\n"
    for setting in SETTINGS:
        told += f"\n    {setting.name}{'' if setting.default is None else f' = {setting.default}'}\n"
        told += textwrap.indent(textwrap.fill(setting.meaning, 70), " " * 8)
    return told + "\n"


_command(
    "server",
    "server",
    "Run a server: HTTP, queries, tables.",
    "mergus server --data ./data",
    "mergus server --kafka localhost:9092 --queries alerts.sql",
    "mergus server --setting kafka.sasl.username=me --setting log.format=json",
    more=_settings_told(),
)
_command(
    "run",
    "run",
    "Run statements and print what SELECTs answer.",
    'mergus run -e "SELECT * FROM s;" setup.sql',
    '''mergus run -e "CREATE STREAM l WITH (PATH='app.log', PATH_FORMAT='text'); SELECT * FROM l EMIT CHANGES;"''',
    "mergus run alerts.sql --data ./data --format csv --set auto.offset.reset=earliest",
)
_command(
    "topics",
    "produce",
    "Write standard input to a topic, a line a record.",
    """echo '{"message": "hello"}' | mergus produce logs --data ./data""",
    """printf 'web:{"message": "hi"}' | mergus produce logs --data ./data --key-separator :""",
)
_command(
    "topics",
    "consume",
    "Print a topic's records, a line each, until Ctrl-C.",
    "mergus consume ALERTS --data ./data --from-beginning --max 10",
    "mergus consume ALERTS --data ./data --from-beginning --until caught-up",
)
_command(
    "topics",
    "topics",
    "List the topics.",
    "mergus topics --data ./data",
)
_command(
    "testing.command",
    "test",
    "Run SQL test files with ASSERT statements.",
    "mergus test tests/cases/filter.sql",
    "mergus test --jsonl < cases.jsonl",
)
_command(
    "parity",
    "parity",
    "Compare a model in SQL with the bare framework on a data file.",
    "mergus parity score rows.jsonl --data ./data",
    "mergus parity score@challenger rows.csv register.sql --columns amount --format json",
    "mergus parity embed lines.txt",
)
_command(
    "artefacts",
    "inspect",
    "Say what SQL makes of a model's artefact, and how to register it.",
    "mergus inspect model.onnx",
    "mergus inspect saved_model --option signature=serving_default --name score",
)
_command(
    "artefacts",
    "freeze",
    "Write a TensorFlow SavedModel as one file.",
    "mergus freeze saved_model score.pb",
)
app.register_install_completion_command(name="completion", help="Install completion for this shell.")
app.command("mergus.engine.cli.prompt:prompt", name="prompt", help="Open a prompt (what mergus alone does).")
_FLAGS = ("--help", "-h", "--version")


def words(arguments: list[str]) -> list[str]:
    """The command line with `prompt` said where no command is, and `run`'s `-` (standard input) as the path that it is.

    >>> words(["--server", "http://127.0.0.1:8088"])
    ['prompt', '--server', 'http://127.0.0.1:8088']
    >>> words(["http://127.0.0.1:8088"])
    ['prompt', '--server', 'http://127.0.0.1:8088']
    >>> words(["run", "a.sql"]), words([]), words(["--help"])
    (['run', 'a.sql'], ['prompt'], ['--help'])
    >>> words(["run", "a.sql", "-", "--data", "d"])
    ['run', 'a.sql', './-', '--data', 'd']
    """
    bare = not arguments or (arguments[0].startswith("-") and arguments[0] not in _FLAGS)
    if not bare and arguments[0].startswith(("http://", "https://")):
        return ["prompt", "--server", *arguments]
    if bare:
        return ["prompt", *arguments]
    # a lone hyphen would be taken for an option
    return ["./-" if a == "-" and arguments[0] == "run" else a for a in arguments]


def _ended(number: int, frame: object) -> None:
    """SIGTERM ends a command as an error does: what it opened is closed, a private folder removed."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line; 0 when all went well, 1 when something was refused or failed, 2 for wrong usage."""
    signal.signal(signal.SIGTERM, _ended)
    try:
        status = app(words(sys.argv[1:]), exit_on_error=False, print_error=False, result_action="return_value")
    except Exception as error:  # noqa: BLE001 - the last place where an error can be told
        status = told(error)
    except KeyboardInterrupt:
        status = 130
    sys.stdout.flush()
    sys.stderr.flush()
    if isinstance(status, int) and status:
        sys.exit(status)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
