"""Convert a foreign checkpoint file to a model file."""

from __future__ import annotations

import os
from pathlib import Path

from contextseg.data.classes import Classes
from contextseg.factory import create_model
from contextseg.interop.checkpoints import read_checkpoint
from contextseg.interop.conversion import Conversion, Source, convert_checkpoint
from contextseg.interop.formats import ForeignCheckpointError
from contextseg.weights.model_file import save_model


def convert(
    checkpoint: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    source: Source = "auto",
    classes: Classes | None = None,
) -> Conversion:
    """Convert a checkpoint of another code base to a model file.

    Args:
        checkpoint: a .pth, .pt or .safetensors file; no code in it is executed.
        out: the .safetensors file to write, atomically.
        source: as in `convert_state_dict`.
        classes: names and colours; None takes those in the checkpoint, or numbers the classes.

    Returns:
        What was converted, with every tensor that was left out or filled in.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: it cannot be read or converted, `out` has another suffix, or the number of
            `classes` is wrong.
        OSError: `out` cannot be written.
    """
    if Path(out).suffix != ".safetensors":
        raise ForeignCheckpointError(
            f"convert: {out} must end in .safetensors, the format written."
        )
    content = read_checkpoint(checkpoint)
    try:
        conversion = convert_checkpoint(content, source)
    except ForeignCheckpointError as error:
        reason = str(error).removeprefix("convert: ")
        raise ForeignCheckpointError(f"{checkpoint}: {reason}") from error
    named = classes or conversion.classes
    if named.num_classes != conversion.config.num_classes:
        raise ForeignCheckpointError(
            f"convert: the network predicts {conversion.config.num_classes} classes, but "
            f"{named.num_classes} names are given."
        )
    model = create_model(conversion.config)
    model.load_state_dict(conversion.state_dict)
    save_model(out, model.eval(), named)
    return conversion
