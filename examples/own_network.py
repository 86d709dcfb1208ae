"""Put EncNet's context encoding into a network and a training loop of your own, in plain PyTorch.

`ContextEncoding` stands between timm's ResNet-18 and a classifier: it looks at the whole image,
scales the channels, and predicts which classes are there (`se_loss` trains that). It starts from
random weights, so watch the loss and do not expect scores; `pretrained=True` would download some.

    python examples/own_network.py
    python examples/own_network.py my_images/ --epochs 60
"""

import argparse
from pathlib import Path

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from contextseg.context import ContextEncoding
from contextseg.data import open_dataset
from contextseg.data.transforms import EvalTransform, TrainTransform, TransformedDataset
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
        return F.interpolate(self.classifier(features), images.shape[2:], mode="bilinear"), presence


parser = argparse.ArgumentParser(description="Train a network of your own with context encoding.")
parser.add_argument("data", nargs="?", help="folder of a data set; without it, the samples")
parser.add_argument("--epochs", type=int, default=4)
args = parser.parse_args()
data = args.data or str(Path(__file__).resolve().parents[1] / "samples/camvid")
train, val = open_dataset(data, "train"), open_dataset(data, "val")
crops = TransformedDataset(train, TrainTransform(crop=(192, 192)))
network = OwnNetwork(train.classes.num_classes)
optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
for epoch in range(args.epochs):
    for images, labels in DataLoader(crops, batch_size=6, shuffle=True, drop_last=True):
        logits, presence = network(images)
        loss = F.cross_entropy(logits, labels, ignore_index=255) + 0.2 * se_loss(presence, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
metrics = SegmentationMetrics(train.classes.num_classes)
with torch.inference_mode():
    for images, labels in DataLoader(TransformedDataset(val, EvalTransform())):
        logits, presence = network.eval()(images)
        metrics.update(logits.argmax(1), labels, presence)
print(metrics.compute())
