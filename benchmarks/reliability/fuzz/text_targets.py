"""Text that people write: JSON, YAML, lists of classes and names, words of the command line."""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from benchmarks.reliability.fuzz.engine import Target
from benchmarks.reliability.fuzz.files import from_file, from_text
from benchmarks.reliability.fuzz.mutation import either, of_bytes, of_json

CLASSES = {
    "dataset": "d", "num_classes": 2, "ignore_label": 255, "lists": {"indoors": [0, 3]},
    "classes": [{"id": 0, "name": "a", "color": [1, 2, 3], "ignore": False},
                {"id": 3, "name": "straße"}, {"id": 255, "name": "void", "ignore": True}],
}  # fmt: skip
NUMBERS = (b"480", b"480,480", b"0.5,1,1.5", b"2048,512", b"1e-3", b"[1, 2]", b"true", b"auto")


def targets(work: Path) -> list[Target]:
    """Readers of text."""
    return [*_documents(work), *_lists(work), *_commands()]


def _documents(work: Path) -> list[Target]:
    from contextseg.config import ClassifierTrainConfig, TrainConfig
    from contextseg.config.io import from_dict, read_yaml, to_dict, to_yaml
    from contextseg.config.yaml_text import load_yaml
    from contextseg.data.classes import Classes
    from contextseg.data.text_files import read_json
    from contextseg.system.json_text import load_json

    text = json.dumps(CLASSES).encode()
    config = to_dict(TrainConfig())
    yaml = (b"a: 1\nb: [1, 2.5, x]\nc: {d: null, e: true}\n", b"- 1\n- &a {x: y}\n- *a\n",
            to_yaml(TrainConfig())[:600].encode())  # fmt: skip
    return [
        Target("JSON", load_json, of_bytes((text, b"[1, 2.5e3, [true, null]]"))),
        Target("JSON files (a key once)", from_file(work / "a.json", read_json), of_bytes((text,))),
        Target("classes.json", from_file(work / "classes.json", Classes.read),
               either(of_bytes((text,)), of_json((CLASSES,)))),
        Target("YAML", load_yaml, of_bytes(yaml)),
        Target("run configs as YAML files",
               from_file(work / "run.yaml", lambda path: read_yaml(path, TrainConfig)),
               of_bytes((b"batch_size: 4\noptim: {lr: 0.1}\nmodel: {context: {name: cpnet}}\n",
                         b"augment: {crop: [480, 480]}\nseed: 3\n"))),
        Target("run configs as values", lambda content: from_dict(
            TrainConfig, json.loads(content)), of_json((config,))),
        Target("configs of classifiers as values", lambda content: from_dict(
            ClassifierTrainConfig, json.loads(content)),
            of_json((to_dict(ClassifierTrainConfig()),))),
    ]  # fmt: skip


def _lists(work: Path) -> list[Target]:
    from contextseg.data.class_files import read_class_names, read_labelmap
    from contextseg.data.name_lists import names_in, read_names
    from contextseg.data.pair_lists import open_pairs
    from contextseg.data.wrong_labels import read_wrong
    from contextseg.inference.batch.manifest import entry_of, lines_of

    root = work / "pairs"
    for name in ("images/a.png", "masks/a.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "classes.json").write_text(json.dumps(CLASSES))
    names = (b"a\nb\nsub/c.jpg\n", b"/images/a.jpg /masks/a.png\n", b'"a b"\r\nval\\d\r\n')
    return [
        Target("labelmap.txt", from_file(work / "labelmap.txt", read_labelmap),
               of_bytes((b"# label:color\nroad:128,64,128::\ncar:0,0,255:a:b\nborder:0,0,0::\n",))),
        Target("class_names.txt", from_file(work / "class_names.txt", read_class_names),
               of_bytes((b"__ignore__\n_background_\nroad\ncar\n",))),
        Target("lists of names", from_file(work / "train.txt", partial(
            names_in, known=("a", "b", "sub/c", "val/d"))), of_bytes(names)),
        Target("lists of public layouts", from_file(work / "val.txt", read_names),
               of_bytes(names)),
        Target("lists of pairs", from_file(root / "splits" / "train.txt", lambda _: open_pairs(
            root, "train")), of_bytes((b"images/a.png\tmasks/a.png\n",))),
        Target("wrong_labels.txt", from_file(work / "wrong" / "wrong_labels.txt", lambda path:
               read_wrong(path.parent)), of_bytes((b"train/a\tnote\nb\n",))),
        Target("manifests of a batch", from_file(work / "manifest.txt", lambda path: [
            entry_of(line) for _, line in lines_of(path)]),
            of_bytes((b"a.png\nb c.jpg\tid\nhttps://x/y.png\t7\n",))),
    ]  # fmt: skip


def _commands() -> list[Target]:
    from contextseg.cli import compare, data_pack, demo, prediction_options
    from contextseg.cli.overrides import override
    from contextseg.config import TrainConfig

    config = TrainConfig()
    words = ("--optim.lr", "--augment.crop", "--batch_size", "--augment.scale", "--precision",
             "--data.value_range", "--patience", "--model.dropout")  # fmt: skip

    def numbers(text: str) -> None:
        kinds = (prediction_options.numbers, prediction_options._sides, demo._minutes,
                 data_pack._megabytes, compare._whole_numbers(1),
                 compare._whole_numbers(32, 2))  # fmt: skip
        for kind in kinds:
            try:
                kind(text)
            except (argparse.ArgumentTypeError, ValueError):  # both are messages of argparse
                continue

    def option(text: str) -> None:
        name, _, value = text.partition("=")
        override(config, [f"{name}={value}"], "train")

    seeds = tuple(f"{word}=".encode() + number for word in words for number in NUMBERS)
    return [
        Target("numbers and times of the command line", from_text(numbers), of_bytes(NUMBERS)),
        Target("options of the command line", from_text(option), of_bytes(seeds)),
    ]
