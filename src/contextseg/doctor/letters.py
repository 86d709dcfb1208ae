"""Which letters can be shown and drawn: encodings, the terminal, fonts."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Iterator

from contextseg.doctor.findings import Finding
from contextseg.system.fonts import drawable
from contextseg.system.terminal import raw

LETTERS = {"Greek": "Ω", "Cyrillic": "Ж", "Chinese": "图", "Arabic": "ع"}
"""A letter of some scripts, for fonts."""


def letters() -> Iterator[Finding]:
    """Look at encodings, the terminal and fonts."""
    out = raw(sys.stdout)
    terminal = out is not None and out.isatty()
    shown = getattr(out, "encoding", None) or "none"
    narrow = not shown.lower().replace("-", "").startswith("utf")
    kind = os.environ.get("TERM", "of unknown kind")
    yield Finding(
        section="letters",
        name="output",
        state="note" if narrow else "fine",
        said=(f"a terminal ({kind})" if terminal else "no terminal") + f", encoding {shown}",
        advice="Other letters are shown as escapes; PYTHONUTF8=1 shows them." if narrow else "",
        details={"terminal": terminal, "encoding": shown},
    )
    names = sys.getfilesystemencoding()
    yield Finding(
        section="letters",
        name="locale",
        said=f"{locale.setlocale(locale.LC_CTYPE)}, text {locale.getencoding()}, files {names}",
        details={"text": locale.getencoding(), "files": names},
    )
    drawn = [script for script, letter in LETTERS.items() if drawable(letter, 16, "?").text != "?"]
    lacking = [script for script in LETTERS if script not in drawn]
    yield Finding(
        section="letters",
        name="fonts",
        state="missing" if lacking else "fine",
        said=f"names of classes can be drawn in {', '.join(['ASCII', *drawn])}"
        + (f", not in {', '.join(lacking)}" if lacking else ""),
        advice="Install a font that has the letters, such as Noto Sans." if lacking else "",
        details={"scripts": drawn},
    )
