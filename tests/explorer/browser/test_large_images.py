"""Images of over 2 MP: decided for the screen at once, by a worker as a whole."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.project import explored
from contextseg.inference.inspection import Inspection
from contextseg.inference.predictor import Predictor
from tests.explorer.browser.test_annotate import READY, saved, wait_saved, wait_unsaved
from tests.explorer.conftest import L, predictor

SIZE = (1400, 1500)
LAID = """() => {
  const { style, width, height } = document.querySelector(".sheet canvas");
  return [style.top, style.left, style.height].map(parseFloat).concat([width, height]);
}"""
SHARP = f"() => ({LAID})()[2] === ({LAID})()[4]"


class Drawn(Predictor):
    """Sees smooth fields at once; a network would take its time for 2 MP."""

    def inspect(self, image) -> Inspection:
        rows, columns = SIZE[0] // 10, SIZE[1] // 10
        coarse = torch.randn(1, L, 5, 6, generator=torch.Generator().manual_seed(0))
        smooth = F.interpolate(coarse, (rows, columns), mode="bicubic")[0]
        return Inspection(image=image, vocabulary=self.classes, canvas=SIZE, align_corners=False,
                          coarse_logits=smooth.half().float())  # fmt: skip


@pytest.fixture
def model():
    known = predictor("fcn")
    return Drawn(known.model, known.classes, device="cpu")


def layer(page):
    """[rows, columns, 3] of the first layer."""
    found = page.evaluate("document.querySelector('.sheet canvas').toDataURL('image/png')")
    return np.array(Image.open(io.BytesIO(base64.b64decode(found.partition(",")[2]))))[..., :3]


@pytest.fixture
def photo(tmp_path):
    (tmp_path / "large" / "images").mkdir(parents=True)
    small = np.random.default_rng(0).integers(0, 256, (14, 15, 3), np.uint8)
    picture = Image.fromarray(small).resize(SIZE[::-1], Image.Resampling.BICUBIC)
    picture.save(tmp_path / "large" / "images" / "one.png")
    return tmp_path / "large"


def shown_part(page):
    """[rows, columns] of the photo that the first layer shows, as a slice."""
    top, left, covered, columns, rows = page.evaluate(LAID)
    step = round(covered / rows)
    return np.s_[int(top) : int(top) + rows * step : step,
                 int(left) : int(left) + columns * step : step], step  # fmt: skip


def enlarge(page):
    """Until each pixel is decided."""
    box = page.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -900)
    page.wait_for_function(SHARP)


def test_the_part_on_the_screen_is_that_of_the_library(page, served, photo, model):
    project = explored([str(photo / "images")], Classes.numbered(L))
    expected = model.inspect(project.items[0].read()).labels()
    page.goto(served(project, model))
    page.wait_for_selector(READY)
    for step in (2, 1):
        part, found = shown_part(page)
        assert found == step
        assert (layer(page) == project.classes.colors[expected[part]]).mean() > 0.99999
        enlarge(page)


def test_all_pixels_are_saved_and_strokes_survive_a_tick(page, served, photo, model):
    project = AnnotationProject(photo, Classes.numbered(L))
    seen = model.inspect(project.items[0].read())
    most = int(np.bincount(seen.labels().ravel(), minlength=L).argmax())
    others = [label for label in range(L) if label != most]
    page.goto(served(project, model))
    page.wait_for_selector(READY)
    enlarge(page)
    page.get_by_role("button", name=f"class {others[0]}").click()
    box = page.locator(".frame").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 420, box["y"] + 200, steps=3)
    page.mouse.up()
    wait_unsaved(page)
    wait_saved(page)
    painted = saved(project) != seen.labels()
    assert 500 < painted.sum() < 20_000
    assert (saved(project)[painted] == others[0]).mean() > 0.99
    page.get_by_role("checkbox", name=f"class {most} in the scene").uncheck()
    wait_unsaved(page)
    wait_saved(page)
    again = saved(project)
    assert (again[painted] == others[0]).mean() > 0.99
    assert (again[~painted] == seen.labels(others)[~painted]).mean() > 0.99999
    assert json.loads(project.state_file(0).read_text())["ticks"] == others
    page.reload()  # what was saved is taken apart into proposal and strokes again
    page.wait_for_selector(READY)
    page.get_by_role("checkbox", name=f"class {most} in the scene").check()
    wait_unsaved(page)
    wait_saved(page)
    back = saved(project)
    strokes = painted & (again != seen.labels(others))
    assert (back[strokes] == others[0]).mean() > 0.99
    assert (back[~painted] == seen.labels()[~painted]).mean() > 0.99999
