"""Digests of seeded trainings, scores, predictions and exports, to compare two commits bit by bit.

    python -m benchmarks.identity digests.json
    python -m benchmarks.identity later.json --against digests.json

Trains every kind of model for a few steps on drawn images, on one thread of the CPU in float32,
and writes a digest of all that it computes. Run the second command in the tree of another commit,
on the same machine with the same versions of the libraries: it names what differs. `--runs DIR`
keeps the run folders; `--from DIR` reads those of the first commit instead, which shows that they
are still read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

import contextseg
from contextseg.config import (
    AugmentConfig,
    ContextPriorConfig,
    DataConfig,
    DeepLabV3Config,
    EncodingConfig,
    FCNConfig,
    ModelConfig,
    OptimConfig,
    PSPNetConfig,
    TrainConfig,
)

try:
    from contextseg.config import classification, networks
except ImportError:  # the tree of version 0.1
    import contextseg.classifier_config as classification  # pyright: ignore[reportMissingImports]

    networks = classification

CONTEXTS: dict[str, Any] = {
    "encnet_paper": EncodingConfig(num_codewords=4, variant="paper"),
    "encnet_reference": EncodingConfig(num_codewords=4, variant="reference"),
    "cpnet": ContextPriorConfig(),
    "fcn": FCNConfig(),
    "pspnet": PSPNetConfig(),
    "deeplabv3": DeepLabV3Config(),
}
NETWORKS: dict[str, Any] = {
    "encnet14": networks.EncNet14Config(width=8, num_codewords=2, smoothing="drawn"),
    "deepten": networks.DeepTENConfig(backbone="test_resnet", channels=8, num_codewords=4),
}
DATA = getattr(classification, "ClassifierDataConfig", None) or classification.LabelledDataConfig
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
"""What every backbone was normalised with before its own values were taken."""


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="file to write")
    parser.add_argument("--against", type=Path, help="digests of another commit")
    parser.add_argument("--runs", type=Path, help="folder to keep the runs in")
    parser.add_argument("--from", type=Path, dest="source", help="runs of another commit to read")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True, warn_only=True)
    with tempfile.TemporaryDirectory() as scratch:
        runs = options.source or options.runs or Path(scratch)
        found: dict[str, str] = {}
        for name, context in CONTEXTS.items():
            if options.source is None:
                contextseg.train(segmentation(context, runs / name), progress=False)
            found |= {f"{name}: {k}": v for k, v in segmentation_digests(runs / name).items()}
        textures = drawn_textures(Path(scratch) / "textures")
        for name, network in NETWORKS.items():
            if options.source is None:
                config = classifier(network, textures, runs / name)
                contextseg.train(config, progress=False)
            found |= {
                f"{name}: {k}": v for k, v in classifier_digests(runs / name, textures).items()
            }
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} digests in {options.out}")
    if options.against:
        before = json.loads(options.against.read_text(encoding="utf-8"))
        print("\n".join(f"only in one: {name}" for name in sorted(before.keys() ^ found.keys())))
        changed = sorted(k for k in before.keys() & found.keys() if before[k] != found[k])
        print("\n".join(f"differs: {name}" for name in changed) or "All are equal.")
        raise SystemExit(bool(changed))


def segmentation(context: Any, out: Path) -> TrainConfig:
    """Seven steps of a small network, with the options whose code could change a bit."""
    return TrainConfig(
        model=ModelConfig(
            context=context,
            backbone="test_resnet",
            output_stride=16,
            head_channels=16,
            aux_channels=8,
            **IMAGENET,
        ),
        data=DataConfig(root="shapes", workers=0, check=False),
        augment=AugmentConfig(crop=(64, 64), brightness=0.2, hue=0.1),
        optim=OptimConfig(lr=0.02, warmup_steps=2),
        out=str(out),
        seed=3,
        epochs=1,
        batch_size=16,
        accumulate=2,
        precision="32",
        device="cpu",
        gradient_clip=1.0,
        ema_decay=0.9,
        log_every=2,
        checkpoint_every=5,
    )


def classifier(network: Any, textures: Path, out: Path) -> Any:
    """Eight steps of a small classifier."""
    return classification.ClassifierTrainConfig(
        model=classification.ClassifierConfig(network=network, size=32, **IMAGENET),
        data=DATA(root=str(textures), workers=0),
        optim=OptimConfig(lr=0.05, head_lr_factor=1.0, schedule="cosine"),
        out=str(out),
        seed=3,
        epochs=2,
        batch_size=8,
        label_smoothing=0.1,
        precision="32",
        device="cpu",
        ema_decay=0.5,
        log_every=2,
    )


def segmentation_digests(run: Path) -> dict[str, str]:
    """Weights, log, scores, predictions and exported logits of a run."""
    found = run_digests(run)
    predictor = contextseg.load(run, device="cpu")
    photo = np.random.default_rng(0).integers(0, 256, (75, 101, 3), dtype=np.uint8)
    views: dict[str, dict[str, Any]] = {
        "one view": {},
        "scales and flip": {"scales": (0.75, 1.25), "flip": True},
        "windows": {"window": 64},
    }
    for name, view in views.items():
        found[name] = digest(predictor.probabilities(photo, **view))
        found[f"{name}, mask"] = digest(predictor(photo, **view).mask)
    scores = contextseg.evaluate(predictor, "shapes", limit=6, flip=True)
    found["evaluation"] = digest(scores.confusion, scores.presence_map)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        contextseg.export(run, file, output="logits", least_agreement=0.9)
        import onnxruntime

        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        image = np.random.default_rng(1).standard_normal((1, 3, 64, 96), dtype=np.float32)
        outputs = session.run(None, {session.get_inputs()[0].name: image})
        found["exported logits"] = digest(*outputs)
    return found


def classifier_digests(run: Path, textures: Path) -> dict[str, str]:
    """Weights, log, scores and logits of a classifier's run."""
    predictor = contextseg.load(run, device="cpu", task="classification")
    images = torch.randint(0, 256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    scores = contextseg.evaluate(run, str(textures), device="cpu", flip=True)
    return run_digests(run) | {
        "logits": digest(predictor.logits(images.to(torch.uint8))),
        "evaluation": digest(scores.confusion),
    }


def run_digests(run: Path) -> dict[str, str]:
    """Digests of what training left behind, but for times."""
    found = {}
    for name in ("model.safetensors", "last.safetensors"):
        if (run / name).is_file():
            with safe_open(run / name, "pt") as file:
                found[name] = digest(*(file.get_tensor(key) for key in sorted(file.keys())))
    state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
    found["weights"] = digest(*(state[key] for key in sorted(state)))
    content = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    found["scores.json"] = digest(json.dumps(content["confusion"]))
    rows = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()
    timed = rows[0].split(",").index("train/images_per_s")
    kept = [[cell for i, cell in enumerate(row.split(",")) if i != timed] for row in rows]
    found["metrics.csv"] = digest(json.dumps(kept))
    return found


def digest(*values: Any) -> str:
    """Sixteen hexadecimal digits of tensors, arrays, texts and numbers."""
    total = hashlib.sha256()
    for value in values:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().contiguous().numpy()
        data = value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        total.update(data)
    return total.hexdigest()[:16]


def drawn_textures(root: Path) -> Path:
    """Three classes of noise, a folder each, to train and to test on."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(3):
            folder = root / split / f"class_{label}"
            folder.mkdir(parents=True)
            for number in range(11):
                noise = rng.integers(0, 60, (40, 44, 3)) + 60 * label
                Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.png")
    return root


if __name__ == "__main__":
    main()
