"""What every kind of backbone can do: the table of docs/backbones.md.

    python -m benchmarks.backbones                 try what the results lack, rewrite the page
    python -m benchmarks.backbones convnext_atto   try this one again
    python -m benchmarks.backbones --page          rewrite the page from the saved results

The exports, which take far longer than the rest, come last.

Weights are drawn, not fetched. A backbone works if an EncNet on it trains on images of 97 x 130
pixels with a finite gradient for every parameter that is read. It exports if its ONNX file,
run on such an image and on a larger one, gives the probabilities of the network.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import signal
import tempfile
from pathlib import Path
from typing import Any

import timm
import torch

import contextseg
from benchmarks.backbone_names import FAMILIES
from benchmarks.measuring import environment
from contextseg.data.classes import Classes
from contextseg.inference.predictor import Predictor
from contextseg.models.backbone import Backbone
from contextseg.models.segmentation import SegmentationModel
from contextseg.system.arithmetic import gmac
from contextseg.system.atomic_files import write_text

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results" / "backbones.json"
PAGE = ROOT / "docs" / "backbones.md"
MARKS = "<!-- table: python -m benchmarks.backbones -->\n", "<!-- end of table -->\n"

ODD, LARGE, SIZE, CLASSES = (97, 130), (301, 260), (512, 512), 3
UNTRIED = "not tried"
SECONDS = 180
"""Processor time for an export."""
TOLERANCE = 1e-4
"""Largest difference of a probability between an exported file and its network."""


def main() -> None:
    """Try backbones one after the other; save each result at once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="backbones to try again")
    parser.add_argument("--page", action="store_true", help="only rewrite the page")
    options = parser.parse_args()
    saved: dict[str, Any] = {"rows": {}}
    if RESULTS.is_file():
        saved = json.loads(RESULTS.read_text(encoding="utf-8"))
    rows = saved["rows"]
    known = [name for names in FAMILIES.values() for name in names]
    unknown = set(options.names) - set(known)
    if unknown:
        parser.error(f"not in benchmarks/backbone_names.py: {', '.join(sorted(unknown))}")
    for name in options.names:
        rows.pop(name, None)
    todo = [] if options.page else options.names or known
    for name in [name for name in todo if name not in rows]:
        rows[name] = attempt(name)
        save(saved, name)
    first = [names[0] for names in FAMILIES.values()]  # one of each family before the others
    waiting = [name for name in todo if rows[name].get("onnx") == UNTRIED]
    for name in sorted(waiting, key=lambda name: name not in first):
        try:
            rows[name]["onnx"] = exports(create(name).eval())
        except ValueError as error:  # refused by now
            rows[name] = {"refused": str(error)}
        save(saved, name)
    rewrite(PAGE, table(saved))


def save(saved: dict[str, Any], name: str) -> None:
    """Write all results, the rows in order, and print that of one backbone."""
    print(name, saved["rows"][name], flush=True)
    known = [name for names in FAMILIES.values() for name in names]
    rows = {each: saved["rows"][each] for each in known if each in saved["rows"]}
    where = environment("cpu")
    saved["where"] = {key: where[key] for key in ("device", "torch")} | {"timm": timm.__version__}
    write_text(RESULTS, json.dumps(saved | {"rows": rows}, indent=1) + "\n")
    gc.collect()


def create(name: str) -> SegmentationModel:
    """An EncNet on this backbone, with drawn weights."""
    torch.manual_seed(0)
    return contextseg.create_model(
        "encnet", backbone=name, num_classes=CLASSES, head_channels=32, aux_channels=16
    )


def attempt(name: str) -> dict[str, Any]:
    """What this backbone is and does, or the reason that it is refused."""
    try:
        model = create(name)
    except ValueError as error:
        return {"refused": str(error)}
    backbone = model.backbone
    assert isinstance(backbone, Backbone)
    row = {
        "strides": list(backbone.strides),
        "multiple": backbone.multiple,
        "parameters": sum(p.numel() for p in backbone.parameters()),
        "trains": trains(model),
        "onnx": UNTRIED,
    }
    with torch.device("meta"):
        row["gmac"] = round(gmac(backbone.eval().to("meta"), SIZE), 3)
    return row


def trains(model: SegmentationModel) -> str:
    """`yes`, or what went wrong in a training step."""
    try:
        out = model(torch.randn(2, 3, *ODD))
        results = out.logits, out.aux_logits, out.presence_logits, out.aux_presence_logits
        losses = [result.square().mean() for result in results if result is not None]
        torch.stack(losses).sum().backward()
    except Exception as error:  # whatever a network raises is what the table says
        return first_line(error)
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    model.zero_grad(set_to_none=True)
    return "yes" if all(grad.isfinite().all() for grad in grads) else "gradients are not finite"


def exports(model: SegmentationModel) -> str:
    """`yes` if an ONNX file for images of any size predicts as its network, or what went wrong."""
    predictor = Predictor(model, Classes.numbered(CLASSES), "cpu")
    images = [torch.randint(0, 256, (*size, 3), dtype=torch.uint8).numpy() for size in (ODD, LARGE)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        signal.signal(signal.SIGVTALRM, give_up)
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            contextseg.export(predictor, path, output="logits")
            exported = contextseg.load(path)
            apart = max(
                float((exported.probabilities(x) - predictor.probabilities(x)).abs().max())
                for x in images
            )
        except Exception as error:
            return re.sub(r"^\S*model\.onnx: ", "", first_line(error))  # no path of this machine
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return "yes" if apart <= TOLERANCE else f"probabilities differ by {apart:.1e}"


def give_up(*_: Any) -> None:
    """End an export that takes too long."""
    raise TimeoutError(f"not written after {SECONDS} s of computing")


def first_line(error: Exception) -> str:
    """The first line of an error, or its kind."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def table(saved: dict[str, Any]) -> str:
    """The rows in Markdown, family by family."""
    lines = [
        "| family | backbone | strides of c2 … c5 | images in multiples of | parameters (M) | "
        "GMAC at 512 × 512 | trains | ONNX |",
        "|---|---|---|---:|---:|---:|---|---|",
    ]
    for family, names in FAMILIES.items():
        for name in names:
            row = saved["rows"].get(name)
            if row is not None:
                lines.append(f"| {family} | `{name}` | {' | '.join(cells(row))} |")
    where = saved["where"]
    return (
        "\n".join(lines)
        + f"\n\nMade by `python -m benchmarks.backbones` with PyTorch {where['torch']} and timm "
        f"{where['timm']} on {where['device']}; results in "
        f"[results/backbones.json](results/backbones.json).\n"
    )


def cells(row: dict[str, Any]) -> list[str]:
    """The columns after the name."""
    if "refused" in row:
        reason = row["refused"].split(": ", 1)[-1].split(". ")[0]
        return ["–", "–", "–", "–", f"no: {escaped(reason)}", "–"]
    return [
        ", ".join(map(str, row["strides"])),
        str(row["multiple"]),
        f"{row['parameters'] / 1e6:.1f}",
        f"{row['gmac']:.1f}",
        *(row[key] if row[key] in ("yes", UNTRIED) else f"no: {escaped(row[key])}"
          for key in ("trains", "onnx")),
    ]  # fmt: skip


def escaped(reason: str) -> str:
    """A reason for a cell of a table, without its last full stop."""
    return reason.replace("|", "\\|").rstrip(".")[:160]


def rewrite(page: Path, text: str) -> None:
    """Put the table between the marks of the page."""
    before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    write_text(page, f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
