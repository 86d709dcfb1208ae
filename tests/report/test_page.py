"""The report: one file with everything in it."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from contextseg.data.classes import Classes, ClassInfo
from contextseg.metrics import scores_of
from contextseg.report import Report, ReportSample, write_report
from contextseg.report.rendering import render
from contextseg.report.samples import mask_uri, photo_uri, shown

CLASSES = Classes(
    "scenes",
    (
        ClassInfo(3, "sky", (10, 20, 30)),
        ClassInfo(7, "<road> & co", (200, 100, 0)),
        ClassInfo(9, "car", (0, 0, 250)),
    ),
    (ClassInfo(11, "void", (0, 0, 0)),),
)
SCORES = scores_of(torch.tensor([[8, 2, 0], [0, 10, 0], [0, 0, 0]]), presence_map=0.75)
BASELINE = scores_of(torch.tensor([[0, 10, 0], [0, 10, 0], [0, 0, 0]]))
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta"}


def sample(**changes):
    truth = np.full((40, 60), 3, np.uint8)
    truth[20:] = 7
    truth[:2] = 11
    prediction = truth.copy()
    prediction[:4] = 7
    image = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    presence = {"sky": 0.9, "<road> & co": 0.8, "car": 0.1}
    return replace(ReportSample("one", image, truth, prediction, presence), **changes)


def drawn(sample):
    return render("sample.html", sample=shown(sample, CLASSES))


def picture(uri):
    kind, data = re.fullmatch(r"data:image/(\w+);base64,(.+)", uri).groups()
    return kind, Image.open(io.BytesIO(base64.b64decode(data)))


class Nesting(HTMLParser):
    """Asserts that tags close in the order they opened; keeps texts and addresses."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.texts, self.tags = [], [], [], set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "xlink:href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def parsed(text):
    page = Nesting()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "out" / "report.html"
    report = Report(
        title="Scenes <1> & more",
        summary="What was done.",
        samples=[sample(), sample(name='<script>alert("1")</script>', truth=None, presence=None)],
        classes=CLASSES,
        scores=SCORES,
        baseline=BASELINE,
        log=[{"step": 1, "train/loss": 2.0, "val/mean_iou": 0.2}, {"step": 2, "train/loss": 1.0}],
        curve_note="The scores above are of <another> split.",
        settings={"model": "encnet <x>"},
        commands={"Go on": "contextseg predict demo 'a b'"},
    )
    write_report(path, report)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_needs_nothing_else(report):
    page = parsed(report)
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not page.tags & {"script", "link", "iframe", "object"}
    assert "url(" not in report
    assert "@import" not in report
    assert "prefers-color-scheme: dark" in report
    assert "tabular-nums" in report


def test_the_page_says_what_it_was_given(report):
    text = " ".join(" ".join(parsed(report).texts).split())
    for part in (
        "Scenes <1> & more", "What was done.", "<road> & co", "encnet <x>",
        '<script>alert("1")</script>',
        "contextseg predict demo 'a b'", "void (not scored)", "Training loss", "Validation",
        "The scores above are of <another> split.", "at step 1: mean IoU 20.0",
    ):  # fmt: skip
        assert part in text


def test_key_figures_stand_beside_the_baseline(report):
    figures = re.search(r'(?s)<ul class="figures">(.*?)</ul>', report)[1]
    # IoU of sky 8 / 10, of road 10 / 12; car occurs nowhere.
    assert "<span>mean IoU</span><b>81.7<sub>%</sub></b><small>baseline 25.0 %</small>" in figures
    assert "<span>pixel accuracy</span><b>90.0<sub>%</sub></b><small>baseline 50.0 %" in figures
    assert "<span>presence mAP</span><b>75.0<sub>%</sub></b></li>" in figures


def test_the_table_has_a_row_a_class(report):
    rows = re.findall(r"<tr>(.*?)</tr>", re.search(r"(?s)<tbody>(.*?)</tbody>", report)[1])
    cells = [re.sub(r"<[^>]*>", "|", row).replace("||", "|") for row in rows]
    assert [[c for c in row.split("|") if c] for row in cells] == [
        ["sky", "50.0", "80.0", "0.0"],
        ["&lt;road&gt; &amp; co", "50.0", "83.3", "50.0"],
        ["car", "0.0", "–", "–"],
    ]


def test_a_page_without_extras(tmp_path):
    path = tmp_path / "report.html"
    nothing = scores_of(torch.zeros(3, 3, dtype=torch.int64))
    write_report(path, Report(title="t", summary="s", classes=CLASSES, scores=nothing))
    page = parsed(path.read_text(encoding="utf-8"))
    assert "baseline" not in " ".join(page.texts)
    assert page.addresses == []
    assert "nan" not in path.read_text(encoding="utf-8")


def test_chips_tell_shares_presence_and_mistakes():
    prediction = np.full((40, 60), 7, np.uint8)
    prediction[:10] = 9
    row = drawn(sample(prediction=prediction))
    chips = [
        (kind.split(), [part for part in re.split(r"<[^>]*>", body) if part])
        for kind, body in re.findall(r'<li class="([^"]*)">(.*?)</li>', row)
    ]
    assert chips == [
        (["chip"], ["&lt;road&gt; &amp; co", "75.0 %", "0.80"]),
        (["chip", "wrong"], ["car", "25.0 %", "0.10"]),
        (["chip", "missed"], ["sky", "missed", "0.90"]),
    ]
    # 2 of 40 rows are void; of the other 38, the lower 20 are right.
    assert "52.6 % of the pixels right" in row


def test_specks_are_not_listed():
    prediction = np.full((40, 60), 3, np.uint8)
    prediction[0, 0] = 9
    row = drawn(sample(prediction=prediction, truth=None))
    assert "car" not in row
    assert "ground truth" not in row


def test_without_a_presence_branch_no_probability_is_shown():
    row = drawn(sample(presence=None))
    assert "presence" not in row
    assert "<em" not in row


def test_an_image_of_void_alone_has_no_agreement():
    row = drawn(sample(truth=np.full((40, 60), 11, np.uint8)))
    assert "pixels right" not in row


def test_masks_keep_their_colours_exactly():
    kind, mask = picture(mask_uri(sample().truth, CLASSES.palette))
    assert kind == "png"
    rgb = np.asarray(mask.convert("RGB"))
    assert (rgb == CLASSES.palette[sample().truth]).all()


def test_large_pictures_are_shrunk_and_masks_gain_no_colour():
    ids = np.random.default_rng(0).choice(np.array([3, 7, 11], np.uint8), (300, 1300))
    _, mask = picture(mask_uri(ids, CLASSES.palette))
    assert mask.size == (640, 148)
    assert {color for _, color in mask.convert("RGB").getcolors()} == {
        (10, 20, 30), (200, 100, 0), (0, 0, 0),
    }  # fmt: skip
    kind, photo = picture(photo_uri(np.zeros((300, 1300, 3), np.uint8)))
    assert (kind, photo.size) == ("jpeg", (640, 148))


def test_a_sliver_keeps_a_pixel():
    _, mask = picture(mask_uri(np.full((1, 2000), 3, np.uint8), CLASSES.palette))
    assert mask.size == (640, 1)
