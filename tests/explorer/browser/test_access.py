"""Contrast, names and sizes of what is on the pages, in both schemes and on three screens."""

from __future__ import annotations

import pytest

from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.project import explored
from tests.explorer.conftest import L, predictor

READY = 'body[data-ready="true"]'
FAINT = """() => {
  const parsed = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parsed(getComputedStyle(each).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  let count = 0;
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.disabled) continue;
    const [a, b] = [light(parsed(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    count += 1;
    if (ratio < 4.5) found.push([element.outerHTML.slice(0, 80), ratio]);
  }
  return [count, found];
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select, [role=img], meter")]
  .filter((each) => each.checkVisibility() && !each.closest("[aria-hidden=true]"))
  .filter((each) => !(each.ariaLabel || each.textContent.trim() ||
    each.querySelector("[aria-label], img[alt]") ||
    [...(each.labels ?? [])].some((label) => label.textContent.trim())))
  .map((each) => each.outerHTML.slice(0, 80))"""
CUT = """() => [...document.querySelectorAll("body, .left, .middle, .right, .bar, .panel")]
  .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.clientHeight < 20)
  .map((each) => `${each.tagName} ${each.className} ${each.scrollWidth} ${each.clientWidth}`)"""


@pytest.mark.parametrize("mode", ["explore", "annotate"])
def test_everything_can_be_read_named_and_reached(page, served, dataset, folder, mode):
    if mode == "explore":
        project = explored([dataset], Classes.numbered(L))
    else:
        project = AnnotationProject(folder, Classes.numbered(L))
    page.goto(served(project, predictor()))
    page.wait_for_selector(READY)
    tabs = page.get_by_role("tab")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for place in range(max(1, tabs.count())):
            if tabs.count():
                tabs.nth(place).click()
            count, faint = page.evaluate(FAINT)
            assert count >= 15
            assert faint == []
            assert page.evaluate(NAMELESS) == []
    for width, height in ((1280, 720), (3840, 2160), (820, 1180)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate(CUT) == [], (width, height)
        frame = page.locator(".frame").bounding_box()
        assert frame["height"] > height / 3


def test_focus_goes_from_the_list_to_the_picture_s_tools_to_the_classes(page, served, dataset):
    page.goto(served(explored([dataset], Classes.numbered(L)), predictor()))
    page.wait_for_selector(READY)
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        side = page.evaluate(
            """() => {
              const { outlineStyle } = getComputedStyle(document.activeElement);
              const side = document.activeElement.closest("aside, main.middle")?.className;
              return [side, outlineStyle];
            }"""
        )
        if side[0] is None:
            break
        assert side[1] != "none"
        seen.append(side[0])
    assert sorted(set(seen), key=seen.index) == ["left", "middle", "right"]
    assert seen == sorted(seen, key=["left", "middle", "right"].index)


def test_arrow_keys_in_the_list_and_among_the_tabs(page, served, dataset):
    page.goto(served(explored([dataset], Classes.numbered(L)), predictor()))
    page.wait_for_selector(READY)
    page.locator(".list").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_selector('body[data-image="1"][data-ready="true"]')
    page.get_by_role("tab", name="Classes").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('[role=tab][aria-selected="true"]:focus')
    assert page.locator(":focus").inner_text() == "Gates γ"
    assert page.get_attribute("body", "data-image") == "1"
