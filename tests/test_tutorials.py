"""Every tutorial runs as a reader would follow it, and prints what its page shows."""

from __future__ import annotations

import pytest

from tests.reader import Reader, alike
from tests.snippets import ROOT, blocks

TUTORIALS = sorted(page.relative_to(ROOT).as_posix() for page in
                   (ROOT / "docs" / "tutorials").glob("*.md") if page.stem != "index")  # fmt: skip

SHORTER: dict[str, dict[str, str]] = {}
"""Options that make a training longer than a test may be, and those that it runs with, by page."""

IN_CLONE = ("samples", "models", "examples")
"""Folders of the repository that tutorials read."""


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS)
def test_steps_run_and_print_what_the_page_shows(page, tmp_path, monkeypatch):
    """Blocks: `sh` and `python` run; `text` is their output, of `output` the words alone.

    Blocks of `console` need what a test has not, a server or a second machine.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONTEXTSEG_PROGRESS_INTERVAL", "3600")
    for name in IN_CLONE:
        (tmp_path / name).symlink_to(ROOT / name)
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
            case _:
                assert language == "console", f"{page}: a block of {language or 'no language'}"
                assert "contextseg " not in text, f"{page}: what can run here is a block of sh"


def test_shorter_options_are_those_of_the_pages():
    for page, options in SHORTER.items():
        text = "".join(text for language, text in blocks(page) if language in ("sh", "python"))
        assert all(long in text for long in options), page


@pytest.mark.parametrize(
    ("printed", "same"),
    [
        ("road  0.31, 12 of 84 images", True),
        ("road 0.33, 12 of 84 images", True),
        ("road 0.41, 12 of 84 images", False),
        ("sky 0.31, 12 of 84 images", False),
        ("road 0.31, 12 of 84 images more", False),
    ],
)
def test_output_is_compared_by_words_and_near_numbers(printed, same):
    assert alike("road 0.31, 12 of 84 images", printed, numbers=True) == same
