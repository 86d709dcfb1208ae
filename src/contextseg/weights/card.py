"""The model card: classes, scores, training recipe, and usage."""

from __future__ import annotations

from pathlib import Path

from contextseg.config import ModelConfig
from contextseg.data.classes import Classes
from contextseg.system.json_text import load_json
from contextseg.system.terminal import printable

USE = """\
## Use

```python
import contextseg

predictor = contextseg.load("{source}")
result = predictor("photo.jpg")
result.mask  # (H, W) class ids at the photo's own size
result.overlay().save("overlay.png")
```
"""


def model_card(
    config: ModelConfig,
    classes: Classes,
    *,
    title: str,
    parameters: int,
    scores: Path,
    recipe: Path,
    licence: str | None = None,
) -> str:
    """The text of a README.md, starting with the Hub's metadata.

    Args:
        config: the network's config.
        classes: names of its labels.
        title: title of the card.
        parameters: number of weights.
        scores: file written by `contextseg.evaluation.write_scores`; may be missing.
        recipe: YAML file of the training; may be missing.
        licence: licence of the weights, as the Hub spells it.
    """
    mean, std = config.normalisation
    head = ["---", "library_name: contextseg", "pipeline_tag: image-segmentation"]
    head += [f"license: {licence}"] if licence else []
    head += ["tags:", "- semantic-segmentation", f"- {config.name}", "---"]
    context = f"{config.name} on {config.backbone}, {parameters / 1e6:.1f} M parameters"
    parts = [
        "\n".join(head),
        f"# {title}",
        f"Semantic segmentation by contextseg: {context}, {classes.num_classes} classes. Images "
        f"are {_images(config)} in 0 to 1, normalised with mean {list(mean)} and standard "
        f"deviation {list(std)}, of any size from 32 pixels.",
        USE.format(source=f"hf:owner/{title}"),
        _classes(classes),
        _scores(scores),
        _recipe(recipe),
        "## Licence\n\n"
        + (
            f"The weights are under {licence}."
            if licence
            else "The licence of the weights is not stated."
        ),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _images(config: ModelConfig) -> str:
    return "RGB" if config.images.is_rgb else str(config.images)


def _classes(classes: Classes) -> str:
    infos = ((info.id, printable(info.name).replace("|", "/"), info) for info in classes.classes)
    rows = [f"| {id} | {name} | {', '.join(map(str, info.color))} |" for id, name, info in infos]
    return "\n".join(["## Classes", "", "| id | class | colour |", "|---|---|---|", *rows])


def _scores(path: Path) -> str:
    """The mean scores in a file; empty if it is missing or cannot be read."""
    try:
        content = load_json(path.read_text(encoding="utf-8"))
        means = {
            "mean IoU": content["mean_iou"],
            "pixel accuracy": content["pixel_accuracy"],
            "mean accuracy": content["mean_accuracy"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    settings = content.get("settings", {})
    on = " ".join(str(settings[key]) for key in ("data", "split") if settings.get(key))
    rows = [f"| {name} | {100 * value:.2f} % |" for name, value in means.items()]
    title = f"| {printable(Path(on).name) or 'score'} | |"
    return "\n".join(["## Scores", "", title, "|---|---|", *rows])


def _recipe(path: Path) -> str:
    if not path.is_file():
        return ""
    return f"## Training\n\n```yaml\n{path.read_text(encoding='utf-8').strip()}\n```"
