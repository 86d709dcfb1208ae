"""EncNet of mmsegmentation and ours on the same images: a prediction, and a training step.

    python -m benchmarks.mmsegmentation [--work predict|train] [--threads N] [--rounds N] [--fuse]
                                        [--size N] [--batch N]

It needs mmsegmentation in an environment of its own, to which contextseg's packages are added
(`onedl-mmsegmentation onedl-mmengine onedl-mmcv` install without a compiler). ResNet-50 with a deep
stem, output stride 8, 150 classes, random weights, float32 on a CPU. All take turns; medians of the
processor time count. A step is forward, losses, backward, SGD.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import time
from typing import Any

import torch
from torch import Tensor

import contextseg
from benchmarks.measuring import Step, environment
from contextseg.config import EncodingConfig, LossConfig, OptimConfig
from contextseg.losses import SegmentationLoss
from contextseg.models.pointwise_convolutions import hasten_pointwise
from contextseg.training.optim import build_optimiser

CLASSES = 150


def theirs() -> Any:
    """mmsegmentation's network, from the options of its published config."""
    importlib.import_module("mmseg.models")
    registry = importlib.import_module("mmseg.registry")
    config_dict = importlib.import_module("mmengine.config").ConfigDict
    importlib.import_module("mmengine.registry").init_default_scope("mmseg")
    norm = {"type": "BN", "requires_grad": True}
    common = {
        "num_classes": CLASSES,
        "norm_cfg": norm,
        "align_corners": False,
        "dropout_ratio": 0.1,
    }

    def loss(weight: float, sigmoid: bool = False) -> dict[str, Any]:
        return {"type": "CrossEntropyLoss", "use_sigmoid": sigmoid, "loss_weight": weight}

    config = {
        "type": "EncoderDecoder",
        "backbone": {
            "type": "ResNetV1c", "depth": 50, "num_stages": 4, "out_indices": (0, 1, 2, 3),
            "dilations": (1, 1, 2, 4), "strides": (1, 2, 1, 1), "norm_cfg": norm,
            "norm_eval": False, "style": "pytorch", "contract_dilation": True,
        },
        "decode_head": {
            "type": "EncHead", "in_channels": [512, 1024, 2048], "in_index": (1, 2, 3),
            "channels": 512, "num_codes": 32, "use_se_loss": True, "add_lateral": False,
            "loss_decode": loss(1.0), "loss_se_decode": loss(0.2, True), **common,
        },
        "auxiliary_head": {
            "type": "FCNHead", "in_channels": 1024, "in_index": 2, "channels": 256, "num_convs": 1,
            "concat_input": False, "loss_decode": loss(0.4), **common,
        },
        "train_cfg": {}, "test_cfg": {"mode": "whole"},
    }  # fmt: skip
    return registry.MODELS.build(config_dict(config))


def samples(labels: Tensor) -> list[Any]:
    """Labels [B, h, w] as mmsegmentation takes them."""
    structures = importlib.import_module("mmseg.structures")
    pixels = importlib.import_module("mmengine.structures").PixelData
    found = []
    for each in labels:
        size = tuple(each.shape)
        sample = structures.SegDataSample()
        sample.set_metainfo({"img_shape": size, "ori_shape": size, "pad_shape": size})
        sample.gt_sem_seg = pixels(data=each[None].long())
        found.append(sample)
    return found


def ours(variant: str) -> Any:
    """Our network on the same backbone."""
    context = EncodingConfig(variant=variant)  # pyright: ignore[reportArgumentType]
    config = contextseg.config.ModelConfig(
        context=context, backbone="resnet50c", num_classes=CLASSES, output_stride=8
    )
    return contextseg.create_model(config)


def predictions(size: int, fuse: bool) -> dict[str, Step]:
    """From a normalised image to labels, or, ours, from a uint8 image."""
    model, images = theirs().eval(), torch.randn(1, 3, size, size)
    labels = samples(torch.zeros(1, size, size, dtype=torch.uint8))
    pixels = torch.randint(256, (3, size, size), dtype=torch.uint8)
    classes = contextseg.Classes.numbered(CLASSES)

    def mmseg() -> object:
        with torch.inference_mode():
            return model.predict(images, labels)

    predictor = contextseg.Predictor(ours("reference"), classes, device="cpu")
    steps: dict[str, Step] = {"mmsegmentation": mmseg, "ours": lambda: predictor.segment(pixels)}
    if fuse:
        fused = contextseg.Predictor(ours("reference"), classes, device="cpu", fuse=True)
        steps["ours, fused"] = lambda: fused.segment(pixels)
    return steps


def training(size: int, batch: int) -> dict[str, Step]:
    """Steps on the same random labels."""
    images = torch.randn(batch, 3, size, size)
    labels = torch.randint(CLASSES, (batch, size, size), dtype=torch.uint8)
    model, truth = theirs().train(), samples(labels)
    optimiser = torch.optim.SGD(model.parameters(), 1e-3, momentum=0.9)

    def mmseg() -> None:
        losses = model.loss(images, truth)
        sum(value for name, value in losses.items() if "loss" in name).backward()
        optimiser.step()
        optimiser.zero_grad()

    steps: dict[str, Step] = {"mmsegmentation": mmseg}
    for variant in ("reference", "paper"):
        steps[f"ours, {variant}"] = our_step(ours(variant), images, labels)
    return steps


def our_step(model: Any, images: Tensor, labels: Tensor) -> Step:
    """A step as `contextseg.train` does it in float32."""
    model = model.to(memory_format=torch.channels_last).train()
    hasten_pointwise(model)
    images = images.contiguous(memory_format=torch.channels_last)
    loss = SegmentationLoss.from_config(model.config, LossConfig())
    optimiser = build_optimiser(model, OptimConfig(lr=1e-3))

    def step() -> None:
        loss(model(images, labels), labels)["total"].backward()
        optimiser.step()
        optimiser.zero_grad()

    return step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", choices=["predict", "train"], default="predict")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=480)
    parser.add_argument("--batch", type=int, default=2, help="images of a training step")
    parser.add_argument("--fuse", action="store_true", help="ours with batch norms in the weights")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    training_step = options.work == "train"
    steps = (
        training(options.size, options.batch)
        if training_step
        else predictions(options.size, options.fuse)
    )
    print(environment("cpu"), torch.backends.cpu.get_cpu_capability(), flush=True)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()
    for _ in range(options.rounds):
        for name, step in steps.items():
            start = time.process_time()
            step()
            times[name].append(time.process_time() - start)
    base = statistics.median(times["mmsegmentation"])
    for name, seconds in times.items():
        median = statistics.median(seconds)
        print(f"{name:20} {median:7.3f} s ({min(seconds):.3f} to {max(seconds):.3f})  "
              f"{base / median:5.2f} x")  # fmt: skip


if __name__ == "__main__":
    main()
