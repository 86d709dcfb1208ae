"""Fingers and pens."""

from __future__ import annotations

import re

import pytest

from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from tests.explorer.browser.test_annotate import at, opened, saved, wait_saved, wait_unsaved
from tests.explorer.conftest import L, predictor

expect = pytest.importorskip("playwright.sync_api").expect


@pytest.fixture
def tablet(page, served, folder):
    """The page with its image, the project, and what touches it."""
    project = AnnotationProject(folder, Classes.numbered(L))
    frame = opened(page, served(project, predictor("fcn")))
    devtools = page.context.new_cdp_session(page)

    def touch(kind, *places):
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    return page, project, frame, touch


def scale_of(page):
    return float(re.search(r"scale\(([\d.]+)\)", page.locator(".sheet").get_attribute("style"))[1])


def test_a_finger_paints_and_its_mark_stays(tablet):
    page, project, frame, touch = tablet
    touch("touchStart", at(frame, 20, 20))
    touch("touchMove", at(frame, 20, 70))
    touch("touchEnd")
    wait_unsaved(page)
    wait_saved(page)
    mask = saved(project)
    assert len(set(mask[20, 20:70].tolist())) == 1
    expect(page.locator(".marks circle")).to_have_count(1)


def test_two_fingers_enlarge_and_paint_nothing(tablet):
    page, project, frame, touch = tablet
    before = scale_of(page)
    middle = at(frame, 32, 48)
    touch("touchStart", (middle[0] - 20, middle[1]))
    touch("touchStart", (middle[0] - 20, middle[1]), (middle[0] + 20, middle[1]))
    touch("touchMove", (middle[0] - 60, middle[1]), (middle[0] + 60, middle[1]))
    touch("touchEnd")
    assert scale_of(page) == pytest.approx(3 * before, rel=0.05)
    assert page.get_by_role("button", name="Undo").is_disabled()
    assert page.get_attribute("body", "data-saved") == "saved"
    assert not project.mask_file(0).exists()


def test_once_a_pen_draws_a_finger_moves(tablet):
    page, project, frame, touch = tablet
    page.keyboard.press("+")
    pen = """([x, y]) => {
      const frame = document.querySelector(".frame");
      frame.setPointerCapture = () => {}; // there is no such pointer
      for (const [kind, buttons] of [["pointerdown", 1], ["pointerup", 0]]) {
        frame.dispatchEvent(new PointerEvent(kind, { pointerType: "pen", pointerId: 9, button: 0,
          buttons, clientX: x, clientY: y, bubbles: true }));
      }
    }"""
    page.evaluate(pen, at(frame, 30, 40))
    wait_unsaved(page)
    wait_saved(page)
    mask = saved(project)
    place = page.locator(".sheet").get_attribute("style")
    touch("touchStart", at(frame, 20, 20))
    touch("touchMove", at(frame, 25, 30))
    touch("touchMove", at(frame, 30, 40))
    touch("touchEnd")
    assert page.locator(".sheet").get_attribute("style") != place
    assert page.get_attribute("body", "data-saved") == "saved"
    assert (saved(project) == mask).all()
