"""Fonts for text in pictures: one on this machine that has all letters, or a fallback in ASCII.

The font that comes with PIL has only ASCII. Others are searched only when a text needs them.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, features

from contextseg.system.terminal import printable

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

USUAL = (
    # Linux
    "DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc",
    "NotoSansCJKsc-Regular.otf", "NotoSansSC-Regular.otf", "NotoSansJP-Regular.otf",
    "NotoSansKR-Regular.otf",
    "NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf",
    "NotoSansThai-Regular.ttf", "wqy-microhei.ttc", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf",
    "LiberationSans-Regular.ttf", "FreeSans.ttf", "unifont.ttf",
    # macOS
    "Arial Unicode.ttf", "Helvetica.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc",
    "STHeiti Light.ttc", "AppleSDGothicNeo.ttc", "GeezaPro.ttc", "Kohinoor.ttc", "Thonburi.ttc",
    # Windows
    "segoeui.ttf", "arial.ttf", "tahoma.ttf", "msyh.ttc", "simsun.ttc", "YuGothR.ttc", "meiryo.ttc",
    "malgun.ttf", "Nirmala.ttf", "Nirmala.ttc", "LeelawUI.ttf", "arialuni.ttf",
)  # fmt: skip
"""Names of font files; PIL searches them where each system keeps its fonts."""
_LETTERS = str.maketrans(
    {"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O",
     "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
     "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "..."}
)  # fmt: skip
"""Replacements for letters that Unicode does not decompose."""


_UNSEEN = ("Zs", "Cf")
"""Categories of invisible characters: spaces, joiners."""


class Drawable(NamedTuple):
    """A text that can be drawn."""

    text: str
    """The text, or its replacement."""
    font: Font
    """A font that has all of its letters."""


def drawable(text: str, size: int, otherwise: str) -> Drawable:
    """Find a font for a text, or replace the text if there is none.

    Args:
        text: any text. Control characters are shown as escapes.
        size: font size in pixels.
        otherwise: ASCII text to draw, such as `class 3`, if no font on this machine has all letters
            and they cannot be replaced by ASCII letters (as `é` by `e`).

    Returns:
        The text, its ASCII form or `otherwise`, and a font that has all of its letters.
    """
    shown = unicodedata.normalize("NFC", printable(text))
    needed = frozenset(shown)
    plain = ImageFont.load_default(size)
    if shown.isascii():
        return Drawable(shown, plain)
    place = _font_with(needed)
    if place is not None:
        return Drawable(shown, ImageFont.truetype(place.file, size, index=place.face))
    likeness = ascii_likeness(shown)
    return Drawable(otherwise if likeness is None else likeness, plain)


def ascii_likeness(text: str) -> str | None:
    """The text in ASCII, without accents; None if a letter has no ASCII equivalent."""
    letters = []
    for letter in text.translate(_LETTERS):
        parts = unicodedata.normalize("NFKD", letter)
        plain = "".join(part for part in parts if part.isascii())
        if not plain and not unicodedata.combining(letter):
            return None
        letters.append(plain)
    return "".join(letters)


class _Place(NamedTuple):
    file: str
    face: int
    """Index of the font in the file."""


@cache
def _font_with(letters: frozenset[str]) -> _Place | None:
    """A font file on this machine with all letters; None if no font can render them."""
    if _needs_shaping(letters) and not features.check("raqm"):
        return None  # Arabic, for example, would become separate letters in the wrong order
    tried = set[_Place]()
    for place in _candidates(letters):
        if place not in tried and _has(place, letters):
            return place
        tried.add(place)
    return None


def _needs_shaping(letters: frozenset[str]) -> bool:
    return any(
        unicodedata.bidirectional(letter) in ("R", "AL", "AN")
        or unicodedata.category(letter).startswith("M")
        for letter in letters
    )


def _candidates(letters: frozenset[str]) -> Iterator[_Place]:
    yield from (_Place(name, 0) for name in USUAL)
    matplotlib = importlib.util.find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
        yield _Place(str(fonts / "DejaVuSans.ttf"), 0)
    yield from _of_fontconfig(letters)


def _of_fontconfig(letters: frozenset[str]) -> Iterator[_Place]:
    """Fonts that fontconfig finds on Linux desktops, best match first."""
    charset = f":charset={' '.join(f'{ord(letter):x}' for letter in sorted(letters))}"
    form = ["--format", "%{file}|%{index}\n"]
    for command in (["fc-match", *form, f"sans{charset}"], ["fc-list", *form, charset]):
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            done = subprocess.run(
                [program, *command[1:]], capture_output=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        for line in sorted(done.stdout.decode("utf-8", "replace").splitlines()):
            file, _, index = line.rpartition("|")
            if index.isdecimal():
                yield _Place(file, int(index) & 0xFFFF)  # the upper bits select a variable instance


def _has(place: _Place, letters: frozenset[str]) -> bool:
    """Whether a font has each letter: it draws a box for those that it lacks."""
    try:
        font = ImageFont.truetype(
            place.file, 16, index=place.face, layout_engine=ImageFont.Layout.BASIC
        )
        boxes = {_drawn(font, letter) for letter in ("\uffff", "\U0010fffe")}
        visible = (letter for letter in letters if unicodedata.category(letter) not in _UNSEEN)
        return all(_drawn(font, letter) not in boxes for letter in visible)
    except (OSError, ValueError):  # no such font, or one that cannot be scaled
        return False


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    picture = Image.new("L", (48, 48))
    ImageDraw.Draw(picture).text((16, 16), letter, 255, font)
    return picture.tobytes()
