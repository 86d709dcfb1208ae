"""EncNet on ResNet-50 with a crop of 480 pixels, forward, with our encoding and with the formula.

    python -m benchmarks.encnet [--device cuda] [--quick] [--json]

The two networks differ in the Encoding Layer alone: the alternative broadcasts pixels against
codewords, as published implementations do without a kernel of their own. Peak memory is what a
forward takes beyond the weights and the image.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from benchmarks.harness import Case, Step, run
from contextseg import create_model
from contextseg.context.encoding import Encoding
from contextseg.ops import encode

CROP, WARM_UP, CLASSES = 480, 64, 150
FORMULA = "broadcast encoding"


def broadcast(layer: Encoding, features: Tensor) -> Tensor:
    """Residual encoders by the plain formula."""
    pixels = features.flatten(2).transpose(1, 2)
    return encode(pixels, layer.codewords, layer.smoothing, impl="reference")


def network(ours: bool, batch: int) -> Step:
    """A forward of the network as it is used to predict."""
    model = create_model("encnet", backbone="resnet50", num_classes=CLASSES).eval()
    for layer in model.modules():
        if isinstance(layer, Encoding) and not ours:
            layer.forward = partial(broadcast, layer)
    model = model.to(torch.get_default_device())
    forward = torch.inference_mode()(lambda images: model(images).coarse_logits)
    forward(torch.randn(1, 3, WARM_UP, WARM_UP))  # what a first call loads is not its memory
    return partial(forward, torch.randn(batch, 3, CROP, CROP))


def group(name: str, batch: int, device: str) -> list[Case]:
    """Both networks."""
    return [
        Case(FORMULA, partial(network, False, batch), name, device=device),
        Case("ours", partial(network, True, batch), name, device=device),
    ]


CASES = [
    *group("forward, B1 480 x 480", 1, "cpu"),
    *group("forward, B16 480 x 480", 16, "cuda"),
]

if __name__ == "__main__":
    run("EncNet-R50", CASES, FORMULA, __doc__)
