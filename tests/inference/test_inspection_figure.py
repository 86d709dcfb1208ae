"""The pictures of an inspection show its quantities."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from contextseg.system.extras import MissingPackageError
from tests.inference.test_inspection import L, picture, predictor


def shown(figure):
    """Titles and axes of the panels."""
    return {axes.get_title(): axes for axes in figure.axes if axes.get_title()}


def test_what_encnet_sees():
    pytest.importorskip("matplotlib")
    found = predictor("encnet").inspect(picture())
    panels = shown(found.figure())
    assert {"labels", "confidence", "presence of classes", "gates γ"} <= set(panels)
    drawn = panels["confidence"].images[0].get_array()
    assert np.allclose(drawn, found.confidence())
    bars = [bar.get_width() for bar in panels["presence of classes"].patches]
    assert sorted(bars) == pytest.approx(sorted(found.presence_logits.sigmoid().tolist()))
    gates = panels["gates γ"].lines[0].get_ydata()
    assert gates.tolist() == pytest.approx(sorted(found.gates.tolist(), reverse=True))
    words = [title for title in panels if title.startswith("codeword")]
    assert len(words) == 4
    for title in words:
        number = int(title.split()[1].rstrip(":"))
        assert np.allclose(panels[title].images[0].get_array(), found.assignment[number])


def test_labels_are_decided_among_those_that_are_ticked():
    pytest.importorskip("matplotlib")
    found = predictor("fcn").inspect(picture())
    panels = shown(found.figure(ticked=[1, 3]))
    assert set(panels) == {"labels", "confidence"}
    assert np.allclose(panels["confidence"].images[0].get_array(), found.confidence([1, 3]))
    assert not np.allclose(found.confidence([1, 3]), found.confidence())
    with pytest.raises(ValueError, match="ticked"):
        found.figure(ticked=[L])


def test_what_a_pixel_of_cpnet_takes_for_its_class():
    pytest.importorskip("matplotlib")
    found = predictor("cpnet").inspect(picture())
    figure = found.figure(pixel=(70, 100))
    panels = shown(figure)
    figure.draw_without_rendering()
    rows, columns = found.prior.size
    i, j = 70 * rows // found.canvas[0], 100 * columns // found.canvas[1]
    drawn = panels["what (70, 100) takes for its class"].images[0].get_array()
    assert np.allclose(drawn, found.prior.row(i, j)[0])
    places = [axes.get_window_extent() for axes in panels.values()]
    assert len({(round(each.width), round(each.height)) for each in places}) == 1
    for outside in ((75, 0), (0, 110), (-1, 0)):
        with pytest.raises(ValueError, match="75 rows and 110 columns"):
            found.figure(pixel=outside)


def test_show_writes_a_picture(monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("contextseg.system.showing.has_display", lambda: False)
    predictor("fcn").inspect(picture()).show()
    (file,) = tmp_path.glob("inspection-*.png")
    assert capsys.readouterr().out.strip() == str(file)
    assert file.stat().st_size > 1000


def test_without_matplotlib_a_message_says_what_to_install(monkeypatch):
    found = predictor("fcn").inspect(picture())
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'contextseg\[train\]'"):
        found.figure()
