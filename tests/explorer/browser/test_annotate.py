"""Labelling in a real browser: by mouse, by keys, in two tabs, and through a kill of the server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from contextseg.data.classes import Classes, ClassInfo, default_color
from contextseg.data.images import read_mask
from contextseg.explorer.annotations import AnnotationProject
from contextseg.weights.model_file import save_model
from tests.explorer.conftest import L, predictor, write_images

READY = 'body[data-ready="true"]'
SAVED = 'body[data-saved="saved"]'


@pytest.fixture
def project(folder):
    return AnnotationProject(folder, Classes.numbered(L))


def opened(page, url):
    page.goto(url)
    page.wait_for_selector(READY)
    return page.locator(".frame").bounding_box()


def at(frame, row, column):
    """The place on the screen of a pixel of a 64 x 96 image."""
    scale = min(frame["width"] / 96, frame["height"] / 64)
    left = frame["x"] + (frame["width"] - 96 * scale) / 2
    top = frame["y"] + (frame["height"] - 64 * scale) / 2
    return left + (column + 0.5) * scale, top + (row + 0.5) * scale


def stroke(page, frame, start, end):
    page.mouse.move(*at(frame, *start))
    page.mouse.down()
    page.mouse.move(*at(frame, *end), steps=4)
    page.mouse.up()


def choose(page, label):
    page.keyboard.press("/")
    page.keyboard.type(f"class {label}")
    page.keyboard.press("Enter")


def wait_unsaved(page):
    page.wait_for_selector('body[data-saved="waiting"], body[data-saved="saving"]')


def wait_saved(page):
    page.wait_for_selector(SAVED, timeout=60_000)


def saved(project, number=0) -> np.ndarray:
    return read_mask(project.mask_file(number))


def test_a_stroke_is_saved_by_itself_and_comes_back(page, served, project):
    url = served(project, predictor("fcn"))
    frame = opened(page, url)
    proposal = predictor("fcn").segment(project.items[0].read()).labels.numpy()
    label = (int(np.bincount(proposal.ravel()).argmax()) + 1) % L
    choose(page, label)
    stroke(page, frame, (20, 20), (20, 70))
    wait_unsaved(page)
    wait_saved(page)
    mask = saved(project)
    assert (mask[20, 20:70] == label).all()
    assert (mask[40:] == proposal[40:]).mean() > 0.999
    state = json.loads(project.state_file(0).read_text())
    assert state["ticks"] is None
    assert state["seconds"] > 0
    page.reload()
    page.wait_for_selector(READY)
    page.keyboard.press("e")  # back to what the network proposes
    stroke(page, frame, (20, 10), (20, 90))
    wait_unsaved(page)
    wait_saved(page)
    assert (saved(project) == proposal).mean() > 0.98


def test_ticks_decide_anew_and_strokes_survive(page, served, project):
    frame = opened(page, served(project, predictor("fcn")))
    proposal = predictor("fcn").segment(project.items[0].read()).labels.numpy()
    other = int(np.bincount(proposal.ravel(), minlength=L).argmax())
    label = (other + 1) % L
    choose(page, label)
    stroke(page, frame, (30, 30), (30, 60))
    wait_saved(page)
    before = saved(project)
    box = page.get_by_role("checkbox", name=f"class {other} in the scene")
    box.uncheck()
    wait_unsaved(page)
    wait_saved(page)
    after = saved(project)
    assert (after[30, 30:60] == label).all()
    assert not (after == other).any()
    assert json.loads(project.state_file(0).read_text())["ticks"] == [
        each for each in range(L) if each != other
    ]
    box.check()
    wait_unsaved(page)
    wait_saved(page)
    assert np.array_equal(saved(project), before)


STROKES = """
async () => {
  const { Mask } = await import("/static/annotate/mask.js");
  const { thickLine } = await import("/static/annotate/shapes.js");
  const [width, height] = [96, 64];
  let seed = 1;
  const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
  const mask = new Mask(width, height, new Uint8Array(width * height));
  const states = [Array.from(mask.edits)];
  for (let k = 0; k < 200; k++) {
    mask.begin();
    let from = [random(height), random(width)];
    for (let part = 0; part < 3; part++) {
      const to = [random(height), random(width)];
      mask.paint(thickLine(width, height, from, to, 1 + random(9)), [0, 1, 2, 254, 255][random(5)]);
      from = to;
    }
    if (mask.end()) states.push(Array.from(mask.edits));
  }
  const same = (state) => state.every((value, i) => value === mask.edits[i]);
  const count = states.length;
  let good = 0;
  for (let k = count - 2; k >= 0; k--) { mask.undo(); good += same(states[k]); }
  const empty = mask.undo();
  for (let k = 1; k < count; k++) { mask.redo(); good += same(states[k]); }
  return [count, good, empty, mask.redo()];
}
"""


def test_two_hundred_strokes_are_undone_and_redone(page, served, project):
    opened(page, served(project, predictor("fcn")))
    count, good, undone, redone = page.evaluate(STROKES)
    assert count > 190
    assert good == 2 * (count - 1)
    assert not undone
    assert not redone


def test_undo_on_the_page(page, served, project):
    frame = opened(page, served(project, predictor("fcn")))
    stroke(page, frame, (10, 10), (10, 50))
    wait_saved(page)
    first = saved(project)
    stroke(page, frame, (50, 10), (50, 50))
    wait_unsaved(page)
    wait_saved(page)
    second = saved(project)
    for key, expected in (("Control+z", first), ("Control+y", second)):
        page.keyboard.press(key)
        wait_unsaved(page)
        wait_saved(page)
        assert np.array_equal(saved(project), expected)


def test_fill_merge_and_polygon(page, served, project):
    frame = opened(page, served(project, predictor("fcn")))
    page.locator(".slider input").first.fill("20")
    label, other = 1, 3
    choose(page, label)
    page.keyboard.press("p")
    for row, column in ((10, 10), (10, 80), (50, 80), (50, 10)):
        page.mouse.click(*at(frame, row, column))
    page.keyboard.press("Enter")
    wait_saved(page)
    assert (saved(project)[11:50, 11:80] == label).all()
    choose(page, other)
    page.keyboard.press("b")
    page.mouse.click(*at(frame, 30, 40))
    wait_unsaved(page)
    wait_saved(page)
    assert saved(project)[30, 40] == other
    page.keyboard.press("m")  # the region takes the class around it
    page.mouse.click(*at(frame, 30, 40))
    wait_unsaved(page)
    wait_saved(page)
    assert (saved(project)[11:50, 11:80] == label).all()
    page.keyboard.press("f")
    page.mouse.click(*at(frame, 30, 40))
    wait_unsaved(page)
    wait_saved(page)
    assert (saved(project)[11:50, 11:80] == other).all()


def test_two_tabs_do_not_overwrite_each_other(page, served, project):
    url = served(project, predictor("fcn"))
    frame = opened(page, url)
    other = page.context.new_page()
    other.goto(url)
    other.wait_for_selector(READY)
    stroke(page, frame, (10, 10), (10, 50))
    wait_saved(page)
    kept = saved(project)
    stroke(other, frame, (50, 10), (50, 50))
    other.wait_for_selector('body[data-saved="stale"]')
    assert np.array_equal(saved(project), kept)
    other.get_by_role("button", name="Load it again").click()
    other.wait_for_selector(SAVED)
    stroke(other, frame, (50, 10), (50, 50))
    wait_unsaved(other)
    wait_saved(other)
    assert not np.array_equal(saved(project), kept)
    other.close()
    page.problems.clear()  # the browser reports the refusal


def test_a_whole_image_by_keys_alone_among_150_classes(page, served, tmp_path):
    import torch

    import contextseg
    from contextseg.inference.predictor import Predictor

    infos = [ClassInfo(i, f"thing {i:03}", default_color(i)) for i in range(150)]
    classes = Classes("many", tuple(infos))
    torch.manual_seed(0)
    model = contextseg.create_model("fcn", backbone="resnet10t", num_classes=150, head_channels=16)
    write_images(tmp_path / "many" / "images", 2)
    project = AnnotationProject(tmp_path / "many", classes)
    opened(page, served(project, Predictor(model.eval(), classes, device="cpu")))
    page.keyboard.press("/")
    page.keyboard.type("thing 137")
    page.keyboard.press("Enter")
    page.keyboard.press("p")
    corners = ((-40, -60), (-40, 60), (40, 60), (40, -60))
    place = [0, 0]
    for row, column in corners:
        for _ in range(abs(row - place[0]) // 8):
            page.keyboard.press("ArrowDown" if row > place[0] else "ArrowUp")
        for _ in range(abs(column - place[1]) // 8 + 1):
            page.keyboard.press("ArrowRight" if column > place[1] else "ArrowLeft")
        place = [row, column]
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    wait_unsaved(page)
    wait_saved(page)
    assert (saved(project) == 137).mean() > 0.8
    page.keyboard.press("d")
    page.wait_for_selector('body[data-image="1"][data-ready="true"]')
    assert json.loads(project.state_file(0).read_text())["done"] is True


@pytest.mark.slow
def test_a_kill_of_the_server_costs_nothing(page, folder, tmp_path):
    model = tmp_path / "model.safetensors"
    known = predictor("fcn")
    save_model(model, known.model, known.classes)
    command = [sys.executable, "-m", "contextseg.cli", "annotate", str(folder), "--model",
               str(model), "--port", "0"]  # fmt: skip

    def start():
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line
        return process, found[0]

    process, url = start()
    try:
        frame = opened(page, url)
        stroke(page, frame, (10, 10), (10, 50))
        wait_saved(page)
        first = read_mask(folder / "masks" / "scene0.png")
        for turn in range(5):
            stroke(page, frame, (20 + turn, 10), (20 + turn, 50))
            page.wait_for_selector('body[data-saved="saving"], body[data-saved="waiting"]')
        time.sleep(0.6)  # about when the last of them is saved
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        whole = read_mask(folder / "masks" / "scene0.png")  # readable, old or new
        assert whole.shape == first.shape
    finally:
        process.kill()
        process.wait()
    page.goto("about:blank")
    process, url = start()  # the lock has died with the process
    try:
        opened(page, url)
        assert page.locator(".list li").first.locator('[aria-label="has a mask"]').count() == 1
        assert np.array_equal(read_mask(folder / "masks" / "scene0.png"), whole)
        assert not list((folder / "masks").glob(".*"))
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    page.problems.clear()  # the browser reports requests to the killed server


def test_spreading_reaches_further_when_it_is_pulled(page, served, project):
    frame = opened(page, served(project, predictor("fcn")))
    proposal = predictor("fcn").segment(project.items[0].read()).labels.numpy()
    under = int(proposal[30, 40])
    choose(page, (under + 1) % L)
    page.keyboard.press("g")
    areas = []
    for pull in (0, 160):
        x, y = at(frame, 30, 40)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + pull, y, steps=4)
        page.mouse.up()
        wait_unsaved(page)
        wait_saved(page)
        painted = saved(project) != proposal
        assert painted[30, 40]
        assert (proposal[painted] == under).mean() > 0.99
        areas.append(painted.sum())
        page.keyboard.press("Control+z")
        wait_unsaved(page)
        wait_saved(page)
    assert areas[0] < areas[1]
