"""Deep TEN against global average pooling on the same backbone, over several seeds.

    python -m benchmarks.deepten_textures TEXTURES OUT [--weights FILE] [--seeds 3] [--epochs 6]

TEXTURES is what `make_textures` wrote. Both heads train by the recipe `deepten_textures`, the
backbone with them; the figures are of the last epoch's weights. A run that is there is not done
again, one that was stopped goes on.
"""

from __future__ import annotations

import argparse
import statistics
from dataclasses import replace
from pathlib import Path

import contextseg
from contextseg.config.networks import DeepTENConfig
from contextseg.evaluation import read_class_scores
from contextseg.recipes.classification import deepten_textures

HEADS = {"global average pooling": 0, "Deep TEN, 32 codewords": 32}


def main() -> None:
    """Train what is missing, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("textures", metavar="TEXTURES")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--weights", default="", help="file of ImageNet weights of MobileNetV2")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", type=int, default=128, help="rows and columns of an image")
    options = parser.parse_args()
    errors: dict[str, list[float]] = {name: [] for name in HEADS}
    for seed in range(options.seeds):
        for name, num_codewords in HEADS.items():
            errors[name].append(error_of(options, num_codewords, seed))
            print(f"seed {seed}, {name}: error {100 * errors[name][-1]:.2f} %", flush=True)
    print("\n| head | error, mean | each seed |\n|---|---|---|")
    for name, values in errors.items():
        each = ", ".join(f"{100 * value:.2f}" for value in values)
        print(f"| {name} | {100 * statistics.mean(values):.2f} % | {each} |")


def error_of(options: argparse.Namespace, num_codewords: int, seed: int) -> float:
    """Error of one run."""
    config = deepten_textures()
    network = DeepTENConfig(
        backbone="mobilenetv2_100",
        pretrained=options.weights or False,
        num_codewords=num_codewords,
    )
    out = options.out / f"codewords{num_codewords}_seed{seed}"
    config = replace(
        config,
        model=replace(config.model, network=network, size=options.size),
        data=replace(config.data, root=options.textures, workers=0),
        out=str(out),
        seed=seed,
        epochs=options.epochs,
        checkpoint_every=20,
        log_every=10,
    )
    if not (out / "scores.json").is_file():
        contextseg.train(config, resume=(out / "config.yaml").is_file(), progress=False)
    return read_class_scores(out / "scores.json").error


if __name__ == "__main__":
    main()
