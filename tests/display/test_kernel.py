"""The example notebook in a real kernel: bars that move, and views of all that it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.display.views import read, text_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "first_steps.ipynb"
SMALL = {
    'out="runs/first_steps", epochs=3': (
        'out="run", epochs=1, batch_size=128,\n'
        "    model=replace(encnet_shapes().model, backbone='test_resnet', head_channels=16),\n"
        "    data=replace(encnet_shapes().data, workers=0)"
    ),
    "limit=16": "limit=2",
}
"""What the example says, and what is run instead."""
FAILING = """
import time
from contextseg.system.progress import shown, track
with shown("test"), track("failing <b>") as task:
    task(1, 2)
    time.sleep(1)
    raise ValueError("stopped")
"""


def test_the_example_is_committed_without_outputs():
    for cell in json.loads(EXAMPLE.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Cells of the example with their outputs."""
    reason = "pip install contextseg[notebook]"
    pytest.importorskip("ipykernel", reason=reason)
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    text = EXAMPLE.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, 4)
    for cell in notebook.cells:
        for said, run in SMALL.items():
            cell.source = cell.source.replace(said, run)
    fails = {"tags": ["raises-exception"]}
    notebook.cells.append(nbformat.v4.new_code_cell(FAILING, metadata=fails))
    folder = tmp_path_factory.mktemp("notebook")
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3",
                            resources=resources).execute()  # fmt: skip
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(cells: list[Any], begin: str, kind: str) -> list[Any]:
    """Outputs of a kind of the cell that begins like this."""
    cell = next(cell for cell in cells if cell.source.strip().startswith(begin))
    return [output for output in cell.outputs if output.output_type == kind]


@pytest.mark.slow
def test_the_bar_of_a_training_stays_at_its_end(cells):
    (bar,) = outputs(cells, "run = ", "display_data")  # replaced in place, not one after another
    assert "2/2" in bar.data["text/plain"]
    assert "mIoU" in bar.data["text/plain"]
    assert "2/2" in bar.data["text/html"]
    assert not outputs(cells, "run = ", "stream")


@pytest.mark.slow
def test_the_bar_of_work_that_fails_goes(cells):
    (bar,) = outputs(cells, "import time", "display_data")
    assert not bar.data["text/html"]
    assert outputs(cells, "import time", "error")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "line", "view"),
    [
        ("import contextseg", "ShapesDataset(", "train 256 val (this one) 64"),
        ("run = ", "Run('run', 2 steps, mIoU ", "Training loss"),
        ("predictor.model.info", "EncNet on test_resnet, 8 classes\n", "AuxiliaryHead"),
        ("predictor(", "Prediction(96 x 128: ", "96 × 128 pixels"),
        ("contextseg.evaluate", "Scores(mean IoU ", "pixel accuracy"),
    ],
)
def test_what_the_example_shows_has_a_line_and_a_view(cells, begin, line, view):
    (shown,) = outputs(cells, begin, "execute_result")
    assert shown.data["text/plain"].startswith(line)
    read(shown.data["text/html"])
    assert view in text_of(shown.data["text/html"])


@pytest.mark.slow
def test_a_prediction_is_a_picture_where_html_is_not_shown(cells):
    (shown,) = outputs(cells, "predictor(", "execute_result")
    assert len(shown.data["image/png"]) > 1000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "line"),
    [("from dataclasses", "TrainConfig(\n"), ("predictor = ", "EncNet(test_resnet, 8 classes, ")],
)
def test_options_and_models_are_short_text(cells, begin, line):
    (shown,) = outputs(cells, begin, "execute_result")
    assert shown.data["text/plain"].startswith(line)
    assert "text/html" not in shown.data
