"""Mergus: ksqlDB's SQL in Python, with models inside. This module is the public interface, and nothing else.

Names are looked up when first used, so that `import mergus` costs milliseconds and a user's function file, which
imports `mergus` for one decorator, loads neither Bytewax nor a web server nor TensorFlow.

    import mergus

    with mergus.connect() as db:
        db.execute("CREATE STREAM clicks (page STRING) WITH (kafka_topic='clicks', value_format='JSON', partitions=1);")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mergus.engine import errors
    from mergus.engine.errors import MergusError
    from mergus.engine.inference.model_function import model_function
    from mergus.engine.serving.connection.local import connect
    from mergus.engine.sql.udf.declare import udaf, udf, udtf

__version__ = "0.1.0"

__all__ = ["MergusError", "__version__", "connect", "errors", "model_function", "udaf", "udf", "udtf"]

_HOMES = {
    "MergusError": ".engine.errors",
    "connect": ".engine.serving.connection.local",
    "model_function": ".engine.inference.model_function",
    "udaf": ".engine.sql.udf.declare",
    "udf": ".engine.sql.udf.declare",
    "udtf": ".engine.sql.udf.declare",
}


def __getattr__(name: str) -> Any:
    """Import the module that a public name lives in, once."""
    if name == "errors":
        return importlib.import_module(".engine.errors", __name__)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
