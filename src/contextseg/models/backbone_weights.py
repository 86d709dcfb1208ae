"""Whether a file of weights fits a timm model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import load_state_dict


def check_weights(name: str, path: Path) -> None:
    """Raise unless the file holds exactly the weights that the backbone needs.

    timm loads features leniently: with a file of other names, weights would silently stay random.
    """
    if not path.is_file():
        raise ValueError(f"backbone: pretrained names no file: {path}.")
    state = load_state_dict(str(path), use_ema=False, weights_only=True)
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
                f"{len(expected)} weights, such as {keys[0]}. It must hold timm's names for {name}."
            )
