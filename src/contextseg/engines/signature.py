"""Whether a graph has the input and outputs that its metadata promise."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from contextseg.engines.info import INPUT, ExportInfo

TYPES = {"tensor(uint8)": "uint8", "u8": "uint8", "tensor(float)": "float32", "f32": "float32"}
"""Types of ONNX Runtime and of OpenVINO by their names in NumPy."""


def check_signature(
    info: ExportInfo, path: Path, inputs: Collection[str], outputs: Mapping[str, tuple[str, int]]
) -> None:
    """Raise unless a graph takes images and gives labels, logits or probabilities.

    Args:
        info: the file's metadata: any graph can carry any.
        path: the file.
        inputs: names of the graph's inputs.
        outputs: name, type in the engine's words, and dimensions of its outputs.

    Raises:
        ValueError: it does not.
    """
    wanted = ("uint8", 3) if info.output == "mask" else ("float32", 4)
    kind, dimensions = outputs.get(info.output, ("nothing", 0))
    found = TYPES.get(kind, kind), dimensions
    if INPUT not in inputs or found != wanted:
        raise ValueError(
            f"{path}: the graph should take {INPUT} and give {info.output} as {wanted[0]} of "
            f"{wanted[1]} dimensions, but takes {', '.join(inputs) or 'nothing'} and gives "
            f"{found[0]} of {found[1]}: it is not the network that its metadata describe."
        )
