"""A SavedModel as one file: a signature's graph with its variables as constants, and nothing of what only training needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import UserError, reason
from ..program import TEXTS, Source, Tensor
from . import graphdef
from .tensorflow import SavedModel, signature_key, tensorflow


def freeze(name: str, saved: Path, target: Path, signature: str | None = None) -> dict[str, str]:
    """Write a signature as a frozen graph, try it, and answer the options of provider `graphdef` that name its tensors; they
    keep the signature's names. Raises UserError where the SavedModel cannot be loaded, or does not work in one file: tables and
    assets lie beside the graph, and a graph has 2 GB at the most."""
    tf = tensorflow()
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        signatures = dict((owner := tf.saved_model.load(str(saved))).signatures)
        chosen = signatures[signature_key(signatures, signature)]
    except Exception as error:
        raise UserError(f"model {name}: TensorFlow cannot load the artefact", detail=reason(error)) from error
    takes, gives = chosen.structured_input_signature[1], list[str]()

    def named(*tensors: Any) -> list[Any]:
        answers = chosen(**dict(zip(takes, tensors, strict=True)))
        made = [tf.identity(answers[key], name=key) for key in sorted(answers)]
        gives[:] = [str(tensor.op.name) for tensor in made]
        return made

    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in takes.items()]
    try:
        frozen = convert_variables_to_constants_v2(tf.function(named, input_signature=specs).get_concrete_function())
        target.write_bytes(frozen.graph.as_graph_def().SerializeToString())
        options = {
            "graphdef.inputs": ",".join(str(tensor.op.name) for tensor in frozen.inputs),
            "graphdef.outputs": ",".join(gives),
        }
        _try(name, saved, signature, target, options)
    except Exception as error:
        target.unlink(missing_ok=True)
        raise UserError(
            f"model {name}: it does not work as a frozen graph",
            detail=reason(error),
            hint="CREATE MODEL takes the folder as it is",
        ) from error
    finally:
        del owner
    return options


def _try(name: str, saved: Path, signature: str | None, target: Path, options: dict[str, str]) -> None:
    """Ask both of a row of zeros; raises ValueError where the answers are others. What the folder cannot answer tells nothing."""
    whole, frozen = SavedModel(name, saved, signature=signature), graphdef.load(Source(name, target, options))
    if len(frozen.input_tensors) != len(whole.input_tensors):
        raise ValueError("it needs tables or assets, which lie beside the graph")
    zeros = {tensor.name: _zeros(tensor) for tensor in whole.input_tensors}
    try:
        wanted = whole(zeros)
    except Exception:  # noqa: BLE001 - the model's own words about zeros, of whatever kind
        return
    got = frozen(
        {new.name: zeros[old.name] for new, old in zip(frozen.input_tensors, whole.input_tensors, strict=True)}
    )
    for (key, one), other in zip(sorted(wanted.items()), got.values(), strict=True):
        near = np.array_equal(one, other) if one.dtype.kind in "OSU" else np.allclose(one, other, equal_nan=True)
        if not near:
            raise ValueError(f"{key} is another than the folder's")


def _zeros(tensor: Tensor) -> np.ndarray[Any, Any]:
    shape = (1, *(1 if n is None else n for n in tensor.shape))
    return np.full(shape, b"", dtype=object) if tensor.dtype in TEXTS else np.zeros(shape, dtype=tensor.dtype)
