"""Every tutorial runs as a reader would follow it, and prints what its page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import contextseg
from contextseg.comparison import compare as comparing
from contextseg.comparison.results import Cost
from contextseg.data.classes import Classes
from tests.reader import Reader, alike
from tests.snippets import ROOT, blocks

TUTORIALS = sorted(page.relative_to(ROOT).as_posix() for page in
                   (ROOT / "docs" / "tutorials").glob("*.md") if page.stem != "index")  # fmt: skip

COST = Cost(parameters=1000, gmac=0.5, images_per_s=20.0, memory_mib=None)
MODELS = [path for path in (ROOT / "models").iterdir() if path.is_dir()]

SHORTER: dict[str, dict[str, str]] = {
    "docs/tutorials/compare.md": {"--epochs 3 ": "--epochs 1 --limit 8 "},
    "docs/tutorials/context_prior.md": {"epochs=4": "epochs=1"},
    "docs/tutorials/labelme.md": {"--epochs 12 --crop 192": "--epochs 1 --crop 64"},
    "docs/tutorials/ship.md": {"models/street": "models/tiny"},  # 17 s of export each
}
"""What would take longer than a test may, and what it does instead, by page."""


def make_clone(folder: Path) -> None:
    """What tutorials read of the repository, and a tiny model beside the trained ones."""
    (folder / "models").mkdir()
    for name in ("samples", "examples", *(f"models/{path.name}" for path in MODELS)):
        (folder / name).symlink_to(ROOT / name)
    classes = Classes.read(ROOT / "samples" / "camvid" / "classes.json")
    tiny = contextseg.create_model("encnet", backbone="test_resnet", head_channels=8,
                                   aux_channels=8, num_classes=classes.num_classes)  # fmt: skip
    contextseg.save_pretrained(tiny, folder / "models" / "tiny", classes=classes)


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS)
def test_steps_run_and_print_what_the_page_shows(page, tmp_path, monkeypatch):
    """Blocks: `sh` and `python` run; `text` is their output, of `output` the words alone.

    An `example` is what a whole training gave, and `console` needs a server or another machine.
    """
    monkeypatch.setattr(comparing, "measure_cost", lambda *_: COST)  # a process for each model
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTEXTSEG_PROGRESS_INTERVAL", "3600")
    make_clone(tmp_path)
    reader = Reader()
    for language, text in blocks(page):
        for long, short in SHORTER.get(page, {}).items():
            text = text.replace(long, short)
        match language:
            case "python":
                reader.python(text)
            case "sh":
                reader.shell(text)
            case "text" | "output":
                reader.compare(text, numbers=language == "text")
            case "console":
                assert "contextseg " not in text, f"{page}: what can run here is a block of sh"
            case _:
                assert language == "example", f"{page}: a block of {language or 'no language'}"


def test_shorter_options_are_those_of_the_pages():
    for page, options in SHORTER.items():
        text = "".join(text for language, text in blocks(page) if language in ("sh", "python"))
        assert all(long in text for long in options), page


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ("road  0.31, 12 of 84 images", True),
        ("road 0.33, 12 of 84 images", True),
        ("road 3.1e-01, 12 of 84 images", True),
        ("road 0.41, 12 of 84 images", False),
        ("sky 0.31, 12 of 84 images", False),
        ("road 0.31, 12 of 84 images more", False),
    ],
)
def test_output_is_compared_by_words_and_near_numbers(printed, same):
    assert alike("road 0.31, 12 of 84 images", printed, numbers=True) == same
