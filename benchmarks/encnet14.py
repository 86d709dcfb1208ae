"""A training step of EncNet-14 beside those of ResNet-14 and SE-ResNet-14 of the same width.

    python -m benchmarks.encnet14 [--device cuda] [--quick] [--compile]

What the six Encoding Layers cost: forward, cross-entropy, backward and a step of SGD on images of
CIFAR-10's size. `post-activation` is ResNet-14 with EncNet-14's blocks and without their gates.
`loader` is a batch of the whole-set-in-memory loader, crop and mirror image included.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from benchmarks.harness import Case, run
from benchmarks.measuring import Step
from contextseg import create_model
from contextseg.data.classification.array import LabelledArray, named_classes
from contextseg.data.classification.device_loader import MemoryLoader
from contextseg.models.classifiers import Classifier

BATCH, SIDE, CLASSES = 128, 32, 10


def build(name: str, width: int, *, ungated: bool = False, compiled: bool = False) -> Step:
    """A training step of a network."""
    options = {"num_codewords": 16} if name == "encnet14" else {}
    model: Classifier = create_model(name, num_classes=CLASSES, width=width, **options)  # type: ignore[assignment]
    if ungated:
        for block in model.backbone.blocks:  # type: ignore[union-attr]
            block.gate = torch.nn.Identity()
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if compiled:
        model.compile()
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    images = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (BATCH,))

    def step() -> None:
        F.cross_entropy(model(images), labels).backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def loader() -> Step:
    """A batch of augmented images."""
    images = torch.randint(256, (50_000, SIDE, SIDE, 3), dtype=torch.uint8, device="cpu").numpy()
    data = LabelledArray(
        images=images,
        labels=torch.randint(CLASSES, (50_000,), device="cpu").numpy(),
        classes=named_classes("drawn", [str(i) for i in range(CLASSES)]),
        split="train",
    )
    batches = MemoryLoader(data, torch.get_default_device(), batch_size=BATCH, epochs=1)

    def step() -> None:
        batches.batch(1)

    return step


def cases(width: int) -> list[Case]:
    """The networks of one width."""
    group = f"width {width}, batch {BATCH}"
    found = [
        Case("resnet14", lambda: build("resnet14", width), group),
        Case("post-activation", lambda: build("encnet14", width, ungated=True), group),
        Case("se_resnet14", lambda: build("se_resnet14", width), group),
        Case("encnet14", lambda: build("encnet14", width), group),
    ]
    compiled = f"{group}, compiled"
    return found + [
        Case(name, lambda name=name: build(name, width, compiled=True), compiled, compiled=True)
        for name in ("resnet14", "encnet14")
    ]


CASES = [*cases(64), *cases(32), Case("loader", loader, "data")]

if __name__ == "__main__":
    run("EncNet-14: a training step", CASES, baseline="resnet14", description=__doc__)
