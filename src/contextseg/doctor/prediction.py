"""Whether a prediction runs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from contextseg.data.classes import Classes
from contextseg.doctor.findings import Finding, told
from contextseg.factory import create_model
from contextseg.inference.predictor import Predictor

SIDE = 64
"""Pixels of a side of the picture that is segmented."""
CLASSES = 3


def prediction() -> Iterator[Finding]:
    """Segment a small picture with a small network, on the processor and on a GPU."""
    _segment("cpu")
    yield Finding(section="prediction", name="processor", said="a small network segments a picture")
    if not torch.cuda.is_available():
        return
    try:
        _segment("cuda")
        found = Finding(section="prediction", name="GPU", said="segments it, too")
    except Exception as error:  # predictions still run on the processor
        advice = "Predict with --device cpu until this is mended."
        found = Finding(
            section="prediction", name="GPU", state="note", said=told(error), advice=advice
        )
    yield found


def _segment(device: str) -> None:
    """Raise an error if a prediction is not what it should be."""
    with torch.random.fork_rng(devices=[]):  # whoever calls this keeps their random numbers
        torch.manual_seed(0)
        model = create_model(
            "encnet",
            backbone="test_resnet",
            num_classes=CLASSES,
            pretrained=False,
            head_channels=8,
            aux_channels=8,
        )
    ramp = np.linspace(0, 255, SIDE, dtype=np.uint8)
    picture = np.stack([np.broadcast_to(ramp, (SIDE, SIDE))] * 3, axis=-1)
    predictor = Predictor(model, Classes.numbered(CLASSES), device=device)
    mask = predictor(picture).mask
    if mask.shape != (SIDE, SIDE) or mask.max() >= CLASSES:
        raise RuntimeError(f"a mask of shape {mask.shape} with ids up to {mask.max()}.")
    with torch.inference_mode():
        batch = torch.zeros(1, 3, SIDE, SIDE, device=predictor.device)
        chances = predictor.model(batch).logits.float().softmax(1)
    if not bool((chances.sum(1) - 1).abs().max() < 1e-3):  # NaN is not below anything
        raise RuntimeError("class probabilities do not sum to 1.")
