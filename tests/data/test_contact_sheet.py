"""The contact sheet shows which colour is which class."""

from __future__ import annotations

import numpy as np
from PIL import Image

from contextseg.data.classes import Classes, ClassInfo
from contextseg.data.contact_sheet import CELL, write_sheet
from contextseg.data.legend import LegendEntry, with_legend
from contextseg.data.sample import Sample

CLASSES = Classes(
    "street",
    (
        ClassInfo(3, "Straße", (10, 200, 250)),
        ClassInfo(5, "道路", (200, 20, 40)),
        ClassInfo(9, "car", (0, 0, 90)),
    ),
    (ClassInfo(7, "own car", (90, 90, 0)),),
)


class Street:
    """One image of two classes and two ignored ids, and one that is broken."""

    split, names, classes = "train", ["eins", "zwei"], CLASSES

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Sample:
        if index == 1:
            raise ValueError("broken")
        labels = np.zeros((40, 40), np.uint8)
        labels[10:20], labels[20:30] = 1, 255
        return Sample(np.full((40, 40, 3), 128, np.uint8), labels, "eins")


def test_a_legend_of_the_classes_that_are_shown(tmp_path):
    write_sheet(tmp_path / "sheet.png", [Street()])
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    legend = sheet[:, 2 * 2 * CELL[1] + 3 * 8 :]
    for info in (*CLASSES.classes[:2], *CLASSES.ignored):
        assert (legend == info.color).all(2).sum() >= 100, info.name
    assert not (legend == CLASSES.classes[2].color).all(2).any()  # there is no car


def test_many_classes_stand_below():
    sheet = Image.new("RGB", (400, 60), "white")
    infos = Classes.numbered(60).classes
    picture = np.array(with_legend(sheet, [LegendEntry(info) for info in infos], size=12))
    assert picture.shape[1] == 400
    for info in infos:
        assert (picture[60:] == info.color).all(2).sum() >= 100, info.name


def test_letters_beyond_ascii_are_no_boxes():
    def drawn(name: str) -> bytes:
        sheet = Image.new("RGB", (80, 40), "white")
        return with_legend(sheet, [LegendEntry(ClassInfo(3, name, (1, 2, 3)), 0.5)]).tobytes()

    assert len({drawn(name) for name in ("ä", "ö", "é", "ß")}) == 4


def test_ignored_pixels_do_not_look_like_a_class(tmp_path):
    class Black(Street):
        classes = Classes(
            "street",
            (ClassInfo(0, "background", (0, 0, 0)), ClassInfo(1, "grey", (224, 224, 224))),
            (ClassInfo(255, "ignored", (0, 0, 0)),),
        )

    write_sheet(tmp_path / "sheet.png", [Black()])
    sheet = np.array(Image.open(tmp_path / "sheet.png"))
    legend = sheet[:, 2 * 2 * CELL[1] + 3 * 8 :]
    swatches = [color for color in ((0, 0, 0), (224, 224, 224), (223, 223, 223))
                if (legend == color).all(2).sum() >= 100]  # fmt: skip
    assert len(swatches) == 3
    assert (sheet[:, : 2 * CELL[1]] == (223, 223, 223)).all(2).sum() > 1000
