"""`ModelInfo` in a notebook."""

from __future__ import annotations

from contextseg.display.html import figures, row, table, view
from contextseg.display.numbers import millions
from contextseg.models.info import PART_COLUMNS, STAGE_COLUMNS, ModelInfo, gmac_text


def info_html(info: ModelInfo) -> str:
    """Main numbers, and tables of parts and stages."""
    rows, columns = info.size
    numbers = [
        ("parameters", millions(info.parameters)),
        ("in a prediction", millions(info.inference_parameters)),
        (f"GMAC, {rows} × {columns} pixels", gmac_text(info.gmac)),
    ]
    if info.trainable != info.parameters:
        numbers.insert(1, ("trainable", millions(info.trainable)))
    return view(
        info.heading,
        figures(numbers),
        row(
            [
                table(PART_COLUMNS, info.part_rows(), words=(1, 4)),
                table(STAGE_COLUMNS, info.stage_rows()),
            ]
        ),
    )
