"""Whether a file of weights fits a timm model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import clean_state_dict
from torch import Tensor

from contextseg.system.excerpts import abridged
from contextseg.system.weight_files import REASON, read_weights


def check_weights(name: str, path: Path) -> None:
    """Raise unless a file holds exactly the weights that a backbone needs.

    timm loads features leniently: with a file of other names, weights would silently stay random.

    Args:
        name: of the timm model.
        path: a safetensors file, or a file of PyTorch that holds tensors only.

    Raises:
        ValueError: there is no such file, it cannot be read, or names or shapes do not fit.
    """
    if not path.is_file():
        raise ValueError(f"backbone: pretrained names no file: {path}.")
    state = _read(path)
    with torch.device("meta"):
        model: Any = timm.create_model(name, pretrained=False)
    head = str(model.pretrained_cfg.get("classifier") or "fc")
    expected = {k: v.shape for k, v in model.state_dict().items() if not k.startswith(head + ".")}
    given = {k: v.shape for k, v in state.items() if not k.startswith(head + ".")}
    missing = [k for k in expected if k not in given and not k.endswith("num_batches_tracked")]
    # Convolutions after the last stage belong to the classifier, which a backbone lacks.
    missing = [k for k in missing if not k.startswith(("conv_head.", "bn2."))]
    unknown = [k for k in given if k not in expected]
    unlike = [k for k in given if k in expected and given[k] != expected[k]]
    for problem, keys in (("lacks", missing), ("has unknown", unknown), ("has unlike", unlike)):
        if keys:
            raise ValueError(
                f"backbone: {path.name} does not fit {name}: it {problem} {len(keys)} of "
                f"{len(expected)} weights, such as {abridged(keys[0], 200)}. It must hold timm's "
                f"names for {name}."
            )


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors in a file by name, out of the wrappings that timm knows."""
    try:
        content = load_file(path) if path.suffix == ".safetensors" else read_weights(path)
    except SafetensorError as error:
        raise ValueError(
            f"backbone: {path} is not a complete safetensors file: {abridged(str(error), REASON)}."
        ) from None
    except ValueError as error:
        raise ValueError(f"backbone: {error}") from None
    for wrapping in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapping), Mapping):
            content = content[wrapping]
            break
    if (
        not isinstance(content, Mapping)
        or not content
        or not all(
            isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
        )
    ):
        raise ValueError(f"backbone: {path} holds something other than tensors by name.")
    return clean_state_dict(dict(content))
