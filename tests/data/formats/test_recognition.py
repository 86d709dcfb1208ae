"""A folder, file or archive that is no data set: the message names its format and the command."""

from __future__ import annotations

import pytest

from contextseg.data import open_dataset, splits_of
from contextseg.data.formats import FORMATS
from contextseg.data.setup.init import init_data
from tests.data.formats.exports import EXPORTS, FORMAT_OF
from tests.data.formats.test_safety import archive
from tests.data.setup.variants import write

SELF_CONTAINED = {"voc"}
"""Kinds that are read as they are."""


def opened(path) -> None:
    open_dataset(str(path), "train")


def listed(path) -> None:
    splits_of(str(path))


@pytest.mark.parametrize("use", [opened, listed, init_data])
@pytest.mark.parametrize("kind", EXPORTS)
def test_the_message_names_the_format_and_the_command(kind, use, tmp_path):
    if kind == "parquet":
        pytest.importorskip("pyarrow", reason="Parquet needs the extra formats")
    name = FORMAT_OF.get(kind, kind)
    root = tmp_path / "my export"
    root.mkdir()
    EXPORTS[kind](root)
    sources = [archive(root, tmp_path / "e.zip")]
    # `data init` and the list of splits take what they can read.
    if kind not in SELF_CONTAINED and (use is opened or not list(root.rglob("*.txt"))):
        has_masks = kind in ("masks", "supervisely_masks")
        sources += [] if use is init_data and has_masks else [root]
    for source in sources:
        with pytest.raises(ValueError, match="data import") as raised:
            use(source)
        message = str(raised.value)
        shown = f'"{source}"' if " " in str(source) else str(source)
        assert f"`contextseg data import {shown} -o DIR`" in message
        assert f"in the format {name}, {FORMATS[name].title}." in message
        assert "nearest" not in message


@pytest.mark.parametrize("use", [opened, listed, init_data])
def test_files_that_are_nothing_known_are_one_message(use, tmp_path):
    for name, content in (("a.zip", b"PK"), ("a.json", b"{}"), ("a.png", b"\x89PNG")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=r"(?s)is a file, but .*[gG]ive the folder") as raised:
            use(tmp_path / name)
        assert "data import" not in str(raised.value)


def test_init_says_where_names_of_classes_are(tmp_path):
    write(tmp_path / "d", "{}.jpg", "{}_mask.png")
    (tmp_path / "d" / "_classes.csv").write_text("Pixel Value, Class\n0, sky\n1, road\n")
    notes = " ".join(init_data(tmp_path / "d").notes)
    assert f"format masks, {FORMATS['masks'].title}, which may name the classes" in notes
    write(tmp_path / "plain", "{}.jpg", "{}_mask.png")
    assert "annotations" not in " ".join(init_data(tmp_path / "plain").notes)
