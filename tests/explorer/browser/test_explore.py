"""The page in a real browser: what is shown is what the library computes, by mouse and by keys."""

from __future__ import annotations

import numpy as np
import pytest

from contextseg.data.classes import Classes
from contextseg.explorer.project import explored
from tests.explorer.conftest import L, predictor

expect = pytest.importorskip("playwright.sync_api").expect

READY = 'body[data-ready="true"]'
LAYER = """
(index) => {
  const canvas = document.querySelectorAll(".sheet canvas")[index];
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [width, height, Array.from(data)];
}
"""


def layer(page, index=0) -> np.ndarray:
    """[rows, columns, 4] of a layer over the photo."""
    width, height, data = page.evaluate(LAYER, index)
    return np.array(data, np.uint8).reshape(height, width, 4)


def opened(page, served, project, *models):
    page.goto(served(project, *models))
    page.wait_for_selector(READY)
    return page


@pytest.fixture
def project(dataset):
    return explored([dataset], Classes.numbered(L))


def test_the_mask_is_that_of_the_library_and_the_modes_differ(page, served, project):
    model = predictor()
    opened(page, served, project, model)
    labels = model.segment(project.items[0].read()).labels.numpy()
    colors = project.classes.colors
    assert (layer(page)[..., :3] == colors[labels]).all(2).mean() > 0.999
    page.keyboard.press("2")
    truth = project.truth(0)
    expect(page.locator(".segments [aria-pressed=true]")).to_have_text("Labels")
    assert (layer(page)[..., :3] == colors[truth]).all()
    page.keyboard.press("3")
    expect(page.locator(".segments [aria-pressed=true]")).to_have_text("Errors")
    shown = layer(page)[..., 3] > 0
    assert ((labels != truth) == shown).mean() > 0.999
    assert page.url.endswith("#image=0&tab=classes")
    assert "token" not in page.url


def test_a_class_taken_off_is_gone_and_comes_back(page, served, project):
    model = predictor()
    opened(page, served, project, model)
    page.mouse.move(600, 300)
    before = layer(page)
    most = int(np.bincount(model.segment(project.items[0].read()).labels.numpy().ravel()).argmax())
    box = page.get_by_role("checkbox", name=f"class {most}")
    box.uncheck()
    off = layer(page)
    assert not (off[..., :3] == project.classes.colors[most]).all(2).any()
    box.check()
    page.mouse.move(600, 300)  # a row under the pointer makes its class stand out
    assert np.array_equal(layer(page), before)


def test_panels_of_encnet(page, served, project):
    model = predictor()
    opened(page, served, project, model)
    page.get_by_role("tab", name="Gates").click()
    slider = page.get_by_role("slider", name="Channel")
    gates = model.inspect(project.items[0].read()).gates
    assert f"{gates.max():.3f}" in page.locator(".slider.wide").inner_text()
    slider.fill("15")
    assert f"{gates.min():.3f}" in page.locator(".slider.wide").inner_text()
    page.get_by_role("tab", name="Codewords").click()
    page.wait_for_selector(".grid figure")
    assert page.locator(".grid figure").count() == 3
    page.locator(".grid .picture").first.click()
    page.wait_for_selector("text=Photos that use codeword")
    assert layer(page).shape[:2] == (8, 12)  # the map at feature size


def test_the_row_of_the_prior_follows_the_pointer(page, served, project):
    opened(page, served, project, predictor("cpnet"))
    page.get_by_role("tab", name="Context prior").click()
    frame = page.locator(".frame").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.wait_for_selector("text=by the labels")
    assert layer(page).shape[:2] == (8, 8)
    assert "class" in page.locator(".readout").inner_text()


def test_two_models_and_where_they_differ(page, served, project):
    one, other = predictor(), predictor("fcn")
    opened(page, served, project, one, other)
    page.get_by_role("button", name="Difference").click()
    image = project.items[0].read()
    differ = one.segment(image).labels != other.segment(image).labels
    assert ((layer(page)[..., 3] > 0) == differ.numpy()).mean() > 0.999


def test_keys_links_and_the_list(page, served, project):
    url = served(project, predictor())
    page.goto(url)
    page.wait_for_selector(READY)
    page.keyboard.press("j")
    page.wait_for_selector('body[data-image="1"][data-ready="true"]')
    frame = page.locator(".frame").bounding_box()
    page.mouse.click(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.wait_for_selector("text=is kept")
    link = page.url
    assert link.endswith("&tab=classes")
    assert "#image=1&at=" in link
    page.goto("about:blank")
    page.goto(link)
    page.wait_for_selector('body[data-image="1"][data-ready="true"]')
    page.wait_for_selector("text=is kept")
    page.keyboard.press("w")
    page.wait_for_selector("text=Labels called wrong")
    assert (project.root / "wrong_labels.txt").read_text() == "val/scene1\n"
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.locator(".list li").nth(2).click()
    page.wait_for_selector('body[data-image="2"][data-ready="true"]')
    page.get_by_label("find an image").fill("scene0")
    expect(page.locator(".list li")).to_have_count(1)


def test_a_broken_image_is_named(page, served, dataset):
    (dataset / "images" / "val" / "scene0.png").write_bytes(b"nothing")
    page.goto(served(explored([dataset], Classes.numbered(L)), predictor()))
    page.wait_for_selector("text=scene0.png")
    page.keyboard.press("j")
    page.wait_for_selector('body[data-image="1"][data-ready="true"]')
    assert all("415" in problem for problem in page.problems)  # the browser reports the refusals
    page.problems.clear()


def test_ten_thousand_images_need_few_rows(page, served, project):
    project.items = [project.items[n % 3] for n in range(10_000)]
    opened(page, served, project, predictor("fcn"))
    page.locator(".list").evaluate("(list) => { list.scrollTop = 5000 * 56; }")
    page.wait_for_selector('[aria-posinset="5001"] .name')
    assert page.locator(".list li").count() < 40
