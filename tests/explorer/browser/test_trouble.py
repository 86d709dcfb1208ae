"""The server is gone, answers are lost, names are long or run from right to left."""

from __future__ import annotations

import numpy as np
import pytest

from contextseg.data.classes import Classes, ClassInfo, default_color
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.project import explored
from tests.explorer.browser.test_annotate import (
    READY,
    opened,
    saved,
    stroke,
    wait_saved,
    wait_unsaved,
)
from tests.explorer.conftest import L, predictor

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def project(folder):
    return AnnotationProject(folder, Classes.numbered(L))


def gone(page):
    page.route("**/api/**", lambda route: route.abort())


def back(page):
    page.unroute("**/api/**")
    page.problems.clear()  # the browser reports what it did not get


def test_what_was_drawn_while_the_server_was_gone_is_saved_when_it_is_back(page, served, project):
    frame = opened(page, served(project, predictor("fcn")))
    gone(page)
    stroke(page, frame, (10, 10), (10, 50))
    page.wait_for_selector('body[data-saved="failed"]')
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    stroke(page, frame, (40, 10), (40, 50))
    page.wait_for_selector('body[data-saved="failed"]')
    assert not project.mask_file(0).exists()
    back(page)
    wait_saved(page)  # by itself
    mask = saved(project)
    label = mask[10, 30]
    assert (mask[[10, 40], 10:50] == label).all()


def test_a_mask_whose_answer_was_lost_is_not_called_stale(page, served, project):
    frame = opened(page, served(project, predictor("fcn")))

    def lose(route):
        if route.request.method == "PUT":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/api/0/mask", lose)
    stroke(page, frame, (10, 10), (10, 50))
    page.wait_for_selector('body[data-saved="failed"]')
    first = saved(project)
    page.unroute("**/api/0/mask")
    stroke(page, frame, (40, 10), (40, 50))
    wait_saved(page)
    page.problems.clear()  # of the answer that was lost, and of the revision that was old
    assert not np.array_equal(saved(project), first)


def test_an_image_that_did_not_come_comes_when_the_server_is_back(page, served, dataset):
    page.goto(served(explored([dataset], Classes.numbered(L)), predictor("fcn")))
    page.wait_for_selector(READY)
    gone(page)
    page.locator(".list li").nth(2).click()  # not the next one: that has been fetched
    expect(page.get_by_role("alert")).to_contain_text("The server does not answer")
    back(page)
    page.wait_for_selector('body[data-image="2"]')
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_next_image_is_fetched_in_advance_and_once(page, served, dataset):
    asked = []
    page.on("request", lambda request: asked.append(request.url.partition("/api/")[2]))
    page.goto(served(explored([dataset], Classes.numbered(L)), predictor("fcn")))
    page.wait_for_selector(READY)
    parts = ["1/image", "1/logits?model=0", "1/meta?model=0", "1/truth"]
    page.wait_for_selector('body[data-fetched="1"]')
    page.keyboard.press("j")
    page.wait_for_selector('body[data-image="1"][data-ready="true"]')
    expect(page.locator(".photo")).to_have_js_property("naturalWidth", 96)
    assert sorted(each for each in asked if each in parts) == parts


def test_one_class_stays(page, served, project):
    opened(page, served(project, predictor("fcn")))
    page.locator("summary").evaluate_all("(all) => all.forEach((each) => each.click())")
    boxes = [page.get_by_role("checkbox", name=f"class {label} in the scene") for label in range(L)]
    for box in boxes[1:]:
        box.uncheck()
    boxes[0].click()
    expect(page.get_by_role("alert")).to_contain_text("One class has to stay")
    expect(boxes[0]).to_be_checked()
    wait_saved(page)
    assert (saved(project) == 0).all()


def test_names_of_any_length_and_script(page, served, folder):
    names = ["道路", "سماء (السماء)", "a" * 120, "very long name " * 8, "<b>&amp;"]
    infos = [ClassInfo(i, name, default_color(i)) for i, name in enumerate(names[:L])]
    classes = Classes("names", tuple(infos))
    (folder / "images" / "scene0.png").rename(folder / "images" / f"صورة {'x' * 150}.png")
    project = AnnotationProject(folder, classes)
    model = predictor("fcn")
    model.classes = classes
    frame = opened(page, served(project, model))
    page.keyboard.press("/")
    page.keyboard.type("سماء")
    page.keyboard.press("Enter")
    stroke(page, frame, (20, 20), (20, 70))
    wait_unsaved(page)
    wait_saved(page)
    wide = page.evaluate(
        """() => [...document.querySelectorAll(".left, .right .panel, .bar, body")]
            .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.className)"""
    )
    assert wide == []
