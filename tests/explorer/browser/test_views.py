"""Views of explore side by side, of confidence, of one class."""

from __future__ import annotations

import numpy as np
import pytest

from contextseg.data.classes import Classes
from contextseg.explorer.project import explored
from tests.explorer.browser.test_explore import layer, opened
from tests.explorer.conftest import L, predictor

GREEN = [1, 44, 81, 113, 144, 173, 200, 220, 231]  # of viridis, which the scale shows
expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def project(dataset):
    return explored([dataset], Classes.numbered(L))


def test_side_by_side(page, served, project):
    opened(page, served, project, predictor(), predictor("fcn"))
    page.keyboard.press("v")
    titles = page.locator(".frame .title").all_inner_texts()
    assert titles == ["Photo", "Prediction", "Labels", "Errors", "Model 2", "Difference",
                      "Confidence"]  # fmt: skip
    assert page.locator(".photo").count() == 7
    assert (layer(page, 1)[..., :3] == project.classes.colors[project.truth(0)]).all()
    page.keyboard.press("+")
    moved = page.locator(".sheet").evaluate_all("(all) => all.map((s) => s.style.transform)")
    assert len(set(moved)) == 1  # they move together
    page.keyboard.press("2")
    expect(page.locator(".frame")).to_have_count(1)


def test_confidence_is_that_of_the_library(page, served, project):
    model = predictor()
    opened(page, served, project, model)
    page.get_by_role("button", name="Confidence").click()
    expect(page.locator(".legend")).to_be_visible()
    expected = model.inspect(project.items[0].read()).confidence()
    at = expected * (len(GREEN) - 1)
    greens = np.interp(at, np.arange(len(GREEN)), GREEN)
    assert np.abs(layer(page)[..., 1] - greens).max() < 2


def test_one_class_alone(page, served, project):
    opened(page, served, project, predictor())
    label = int(np.bincount(project.truth(0).ravel()).argmax())
    page.keyboard.press("2")
    page.get_by_role("button", name=f"only class {label}").click()
    page.mouse.move(600, 300)
    assert ((layer(page)[..., 3] > 0) == (project.truth(0) == label)).all()
    page.locator(".bar .only").click()
    assert (layer(page)[..., 3] > 0).all()
