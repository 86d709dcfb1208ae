"""Lists of classes, exports and learning on the page of `annotate`."""

from __future__ import annotations

import json

import pytest

from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from tests.explorer.browser.test_annotate import opened, stroke, wait_saved, wait_unsaved
from tests.explorer.conftest import L, predictor

expect = pytest.importorskip("playwright.sync_api").expect


def test_lists_exports_and_what_learning_needs(page, served, folder):
    project = AnnotationProject(folder, Classes.numbered(L))
    frame = opened(page, served(project, predictor("fcn")))
    page.locator("summary").evaluate_all("(all) => all.forEach((each) => each.click())")
    page.get_by_role("checkbox", name="class 2 in the scene").uncheck()
    page.get_by_label("name of a new list").fill("without 2")
    page.get_by_label("name of a new list").press("Enter")
    kept = page.get_by_role("button", name="without 2", exact=True)
    expect(kept).to_have_attribute("aria-pressed", "true")
    assert json.loads((folder / "classes.json").read_text())["lists"] == {"without 2": [0, 1, 3]}
    page.get_by_role("checkbox", name="class 2 in the scene").check()
    expect(kept).to_have_attribute("aria-pressed", "false")
    kept.click()
    expect(page.get_by_role("checkbox", name="class 2 in the scene")).not_to_be_checked()
    stroke(page, frame, (10, 10), (10, 50))
    wait_unsaved(page)
    wait_saved(page)
    page.get_by_role("tab", name="Export").click()
    page.get_by_label("Name of the folder").fill("mine")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_text("1 images are in")).to_be_visible(timeout=30_000)
    assert any((folder / "exports" / "mine").iterdir())
    page.get_by_role("tab", name="Learn").click()
    expect(page.get_by_text("0 images are done; learning needs 3")).to_be_visible()
    page.get_by_role("button", name="Learn").click()
    expect(page.get_by_role("alert")).to_contain_text("learning needs 3 images")
    page.problems.clear()  # the browser reports the refusal
