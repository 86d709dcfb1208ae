"""Every snippet of README and docs: Python runs, and command lines are what the commands take.

Those of the tutorials run from beginning to end: tests/test_tutorials.py.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch
from PIL import Image

import contextseg
from contextseg.cli.__main__ import COMMANDS, main
from contextseg.cli.parsing import CommandParser
from contextseg.cli.prediction_options import chosen_protocol
from contextseg.config.io import write_yaml
from contextseg.data.classes import Classes
from contextseg.data.folder import write_folder
from contextseg.data.shapes import ShapesDataset
from contextseg.recipes import encnet_mobilenetv2_camvid
from contextseg.weights.classifiers import save_classifier
from tests.inference.video.clips import draw_clip
from tests.snippets import ROOT, blocks, shell_lines

DOCS = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("docs/ops/*.md")])
PAGES = ("README.md", "CONTRIBUTING.md", *(page.relative_to(ROOT).as_posix() for page in DOCS))

SMALL = {
    '"resnet50c"': '"test_resnet"',
    '"resnet50s"': '"test_resnet"',
    "num_classes=150": "num_classes=5, head_channels=16, aux_channels=8",
}
"""Sizes of networks that snippets name, and those that they are run with."""

LONG = ("train", "compare")
"""Functions of contextseg that take minutes: here a call must only fit the signature."""

COMPILED = {
    ("docs/convert.md", "config, state = contextseg.convert_state_dict("): "needs a checkpoint of "
    "the authors; tests/interop converts checkpoints",
    (
        "docs/convert.md",
        "from contextseg.data.vocabularies",
    ): "needs a checkpoint of mmsegmentation",
    ("docs/export.md", "report = contextseg.export("): "needs OpenVINO; tests/interop exports",
    ("docs/serving.md", "from contextseg.interop"): "needs ONNX; tests/interop exports",
}
"""Python that is compiled only, by page and beginning, and why."""

NEITHER = {
    ("docs/reliability.md", "python -m benchmarks.reliability"): "takes half an hour",
    ("docs/cli.md", "contextseg demo | train | recipes"): "an overview of the commands",
    ("docs/cli.md", "contextseg train: starting"): "printed output",
    ("docs/cli.md", "1.2 s per step: 18 epochs"): "printed output",
    ("docs/configuration.md", "mine.yaml: optim.learning_rate"): "printed output",
    ("docs/configuration.md", "Precision bf16: on"): "printed output",
    ("docs/configuration.md", "model:"): "YAML",
    ("docs/data.md", "{"): "JSON",
    ("docs/stability.md", "DeprecationWarning: "): "printed output",
    ("docs/scaling.md", "apiVersion"): "a manifest; tests/training/test_manifest.py reads it",
    ("docs/architecture.md", " image"): "a drawing",
    ("README.md", " image"): "a drawing",
    ("README.md", "my_images/"): "a tree of files",
}
"""Blocks that are neither Python nor command lines, by page and beginning, and what they are."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the snippets name: photos, data, a model under several names, a file of options."""
    root = tmp_path_factory.mktemp("snippets")
    for split in ("train", "val", "test"):
        for name in ("camvid", "mydata"):
            write_folder(ShapesDataset(split, num_images=2, size=(40, 48)), root / name, split)
    model = contextseg.create_model("encnet", backbone="test_resnet", num_classes=
                                    ShapesDataset.classes.num_classes, head_channels=8,
                                    aux_channels=8)  # fmt: skip
    for name in ("runs/mine", "runs/streets", "models/street"):
        contextseg.save_pretrained(model, root / name, classes=ShapesDataset.classes)
    write_yaml(root / "mine.yaml", encnet_mobilenetv2_camvid())
    write_yaml(root / "runs" / "mine" / "config.yaml", encnet_mobilenetv2_camvid())
    (root / "some.yaml").write_text("epochs: 3\n", encoding="utf-8")
    draw_clip(root / "clip.mp4", frames=6)
    photo = Image.fromarray(np.full((40, 48, 3), 90, np.uint8))
    for name in ("photo.jpg", "street.jpg", "plan.tif", "photos/a.jpg", "more/b.jpg"):
        (root / name).parent.mkdir(exist_ok=True)
        photo.save(root / name)
    return root


def given(page: str) -> dict[str, object]:
    """What the snippets of a page presuppose."""
    names: dict[str, object] = {"contextseg": contextseg, "torch": torch}
    if page == "README.md":
        names["images"] = torch.rand(2, 3, 64, 64)
    elif page == "docs/models.md":  # features of at least 13 x 41, for `row(12, 40)`
        names |= {"image": torch.rand(1, 3, 104, 328),
                  "labels": torch.randint(5, (1, 104, 328), dtype=torch.uint8)}  # fmt: skip
    elif page == "docs/ops/context_prior.md":
        names |= {"maps": torch.rand(2, 8, 6, 6), "bn": torch.nn.BatchNorm2d(36),
                  "weight": torch.rand(36, 8), "values": torch.rand(2, 36, 4),
                  "labels": torch.randint(5, (2, 36), dtype=torch.uint8)}  # fmt: skip
    elif page == "docs/ops/crf.md":
        names |= {"logits": torch.rand(1, 5, 24, 32), "image": 255 * torch.rand(1, 3, 24, 32)}
    elif page == "docs/ops/upsampled.md":
        names |= {"coarse_logits": torch.rand(1, 5, 60, 60),
                  "labels": torch.randint(5, (1, 480, 480), dtype=torch.uint8)}  # fmt: skip
    return names


@pytest.mark.parametrize("page", [page for page in PAGES if "python" in dict(blocks(page))])
def test_python_runs(page, folder, monkeypatch):
    """The blocks of a page run one after another, as a reader would paste them."""
    monkeypatch.chdir(folder)
    for name in LONG:
        monkeypatch.setitem(vars(contextseg), name, create_autospec(getattr(contextseg, name)))
    names = given(page)
    for number, (language, text) in enumerate(blocks(page)):
        if language != "python":
            continue
        for large, small in SMALL.items():
            text = text.replace(large, small)
        code = compile(text, f"{page}, block {number}", "exec")
        if not any(page == p and text.startswith(start) for p, start in COMPILED):
            if "runs/encnet14_cifar10_short" in text:  # a classifier, for the lines at its end
                classifier_run(folder)
            exec(code, names)


def classifier_run(root: Path) -> None:
    """Write a model of the classifier that docs/classification.md trains."""
    target = root / "runs" / "encnet14_cifar10_short"
    target.mkdir(exist_ok=True)
    model = contextseg.create_model("resnet14", num_classes=10)
    save_classifier(target / "model.safetensors", model, Classes.numbered(10))


class ParsedError(Exception):
    """The arguments have been read; nothing has been done with them."""


@pytest.fixture
def no_work(folder, monkeypatch) -> SimpleNamespace:
    """Commands stop when their arguments are read; `parser` is the one that did it last."""
    seen = SimpleNamespace(parser=None)
    known = CommandParser.parse_known_args

    def parse_known_args(self, *args, **options):
        seen.parser = self
        return known(self, *args, **options)

    def stopped(method):
        def parse(self, *args, **options):
            parsed = method(self, *args, **options)
            if getattr(parsed, "protocol", None):
                assert chosen_protocol(parsed) is not None
            raise ParsedError

        return parse

    monkeypatch.chdir(folder)
    monkeypatch.setattr(CommandParser, "parse_known_args", parse_known_args)
    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(CommandParser, name, stopped(getattr(CommandParser, name)))
    monkeypatch.setitem(vars(contextseg), "compare", create_autospec(
        contextseg.compare, side_effect=ParsedError))  # fmt: skip
    return seen


def command_lines(page: str) -> list[str]:
    """The lines of its blocks that call contextseg, continued ones joined."""
    lines = []
    for language, text in blocks(page):
        if language == "sh":
            lines += [line for line in shell_lines(text) if line.startswith("contextseg ")]
    return lines


def is_synopsis(line: str) -> bool:
    """Whether a line shows how to write a command, with [options] and PLACEHOLDERS..."""
    return "[" in line.split("#")[0] or "..." in line.split("#")[0] or " DIR" in line


COMMAND_LINES = [(page, line) for page in PAGES for line in command_lines(page)]


@pytest.mark.parametrize("page", sorted({page for page, line in COMMAND_LINES}))
def test_command_lines_are_what_the_commands_take(page, no_work, capsys):
    for line in command_lines(page):
        words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
        if is_synopsis(line):
            assert set(re.findall(r"--[a-z][\w-]*", line)) <= options_of(words, no_work), line
            continue
        if words[0] == "train" and "--list" not in words:
            words.append("--print_config")  # and train nothing
        try:
            code = main(["--debug", *words])
        except ParsedError:
            code = 0
        except SystemExit as shown:  # of --help
            code = shown.code
        assert code == 0, (line, capsys.readouterr().err)


def options_of(words: list[str], seen: SimpleNamespace) -> set[str]:
    """Options of the command of a line, dashes and underscores alike."""
    command = words[0]
    assert command in COMMANDS
    some = {"train": ["demo", "--print_config"], "compare": ["--list"], "data": words[1:2]}
    options: set[str] = set()
    with suppress(ParsedError, ValueError):  # of missing arguments
        main(["--debug", command, *some.get(command, [])])
    for option in seen.parser._option_string_actions:
        options |= {option, option.replace("_", "-")}
    return options


def test_every_other_block_is_known():
    """Whatever is neither run, nor parsed, nor listed has been forgotten."""
    others = {
        (page, text)
        for page in PAGES
        for language, text in blocks(page)
        if language not in ("python", "sh")
    }
    for page, text in others:
        listed = any(page == p and text.startswith(start) for p, start in NEITHER)
        assert listed, f"{page}: run or list the block that begins {text[:60]!r}"
    texts = {page: [text for _, text in blocks(page)] for page in PAGES}
    for page, start in [*NEITHER, *COMPILED]:
        assert any(text.startswith(start) for text in texts[page]), f"{page} has no {start!r}"
