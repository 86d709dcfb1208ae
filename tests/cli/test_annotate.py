"""Which model `annotate` opens the page with."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="needs the extra app")

from contextseg.cli import annotate
from contextseg.cli.parsing import UsageError
from contextseg.data.classes import Classes
from contextseg.explorer.learned_models import Score, keep
from contextseg.weights.model_file import save_model
from tests.explorer.conftest import L, predictor, write_images


@pytest.fixture
def opened(monkeypatch):
    """The models and projects that pages were opened with."""
    found = []

    def open_page(options, models, project):
        found.append((options.model, models, project))
        return 0

    monkeypatch.setattr("contextseg.cli.annotate.open_page", open_page)
    return found


def test_the_latest_model_of_a_folder_is_found_or_offered(tmp_path, opened, capsys):
    folder, model = tmp_path / "mine", tmp_path / "model.safetensors"
    write_images(folder)
    save_model(model, predictor().model, Classes.numbered(L))
    with pytest.raises(UsageError, match="no model was learned"):
        annotate.main([str(folder), "--model", "latest"])
    assert annotate.main([str(folder), "--model", str(model), "--device", "cpu"]) == 0
    assert "learned" not in capsys.readouterr().err
    for number in (1, 2):
        new = tmp_path / f"new{number}.safetensors"
        save_model(new, predictor().model, Classes.numbered(L))
        kept = keep(folder, new, Score(before=0.2, after=0.3, trained=4, held_back=1))
    assert annotate.main([str(folder), "--model", str(model), "--device", "cpu"]) == 0
    assert f"{kept} was learned here: --model latest" in capsys.readouterr().err
    assert annotate.main([str(folder), "--model", "latest", "--device", "cpu"]) == 0
    assert opened[-1][0] == str(folder / "annotations" / "models" / "2")
    assert len(opened) == 3
