"""Put EncNet's context encoding into a network and a training loop of your own, in plain PyTorch.

Between timm's ResNet-18 and a classifier, `ContextEncoding` looks at the whole image, scales the
channels, and predicts which classes are there. Random weights: watch the loss, not the scores.

    python examples/own_network.py [my_images/] [--epochs 60]
"""
# pyright: reportUnknownMemberType=false

import argparse
from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from contextseg.context import ContextEncoding
from contextseg.data import open_dataset, transforms
from contextseg.losses import se_loss
from contextseg.metrics import SegmentationMetrics


class OwnNetwork(nn.Module):
    """Images [B, 3, h, w] to class logits [B, L, h, w] and presence logits [B, L]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = timm.create_model("resnet18", features_only=True, out_indices=[3])
        self.context = ContextEncoding(256, num_codewords=16, num_classes=classes)
        self.classifier = nn.Conv2d(256, classes, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, presence = self.context(self.backbone(images)[0])  # at 1/16 of the size
        return interpolate(self.classifier(features), images.shape[2:], mode="bilinear"), presence


parser = argparse.ArgumentParser(description="Train a network of your own with context encoding.")
parser.add_argument("data", nargs="?", default=Path(__file__).parents[1] / "samples/camvid")
parser.add_argument("--epochs", type=int, default=4)
args = parser.parse_args()
train, val = open_dataset(str(args.data), "train"), open_dataset(str(args.data), "val")
crops = transforms.TransformedDataset(train, transforms.TrainTransform(crop=(192, 192)))
batches = torch.utils.data.DataLoader(crops, batch_size=6, shuffle=True, drop_last=True)
network = OwnNetwork(train.classes.num_classes)
optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
for epoch in range(args.epochs):
    for images, labels in batches:
        optimiser.zero_grad()
        logits, presence = network(images)
        loss = cross_entropy(logits, labels, ignore_index=255) + 0.2 * se_loss(presence, labels)
        loss.backward()
        optimiser.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}", end="\r", flush=True)
metrics = SegmentationMetrics(train.classes.num_classes)
with torch.inference_mode():
    for image, labels in transforms.TransformedDataset(val, transforms.EvalTransform()):
        metrics.update(network.eval()(image[None])[0].argmax(1), labels[None])
print(metrics.compute())
