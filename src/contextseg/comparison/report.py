"""The report of a comparison, as a web page and as Markdown."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contextseg.comparison.differences import difference_table
from contextseg.comparison.report_charts import (
    cost_bars,
    curves,
    read_logs,
    score_bars,
    training_speed,
)
from contextseg.comparison.report_tables import (
    class_table,
    cost_table,
    option_table,
    published_table,
    run_table,
    score_table,
    small_name,
)
from contextseg.comparison.results import CHARTS, LOGS, MARKDOWN, PAGE, Comparison
from contextseg.comparison.wording import WORDINGS
from contextseg.report.charts import Chart
from contextseg.report.rendering import render
from contextseg.report.tables import Table
from contextseg.system.atomic_files import write_text


def write_reports(folder: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write report.html, report.md and its charts into a folder.

    Args:
        folder: where to write; its sub-folder `logs` holds the training logs.
        comparison: the results.
    """
    folder = Path(folder)
    parts = [part for part in _parts(comparison, folder / LOGS) if part.table or part.charts]
    content = {
        "title": comparison.settings["title"] or _title(comparison),
        "summary": _summary(comparison),
        "parts": parts,
        "folder": CHARTS,
        "failures": _failures(comparison),
    }
    for chart in (chart for part in parts for chart in part.bars):
        write_text(folder / CHARTS / chart.file_name, chart.svg())
    write_text(folder / PAGE, render("comparison.html", **content))
    write_text(folder / MARKDOWN, render("comparison.md", **content))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """A section of the report."""

    heading: str
    note: str = ""
    table: Table | None = None
    bars: Sequence[Chart] = ()
    """Charts that the Markdown shows too."""
    curves: Sequence[Chart] = ()
    """Charts of the web page alone: their legend is not part of the drawing."""

    @property
    def charts(self) -> list[Chart]:
        """All charts of the web page."""
        return [*self.bars, *self.curves]


def _parts(comparison: Comparison, folder: Path) -> list[_Part]:
    logs = read_logs(folder, comparison)
    speed, wording = training_speed(logs), WORDINGS[comparison.task]
    return [
        _Part(
            heading="Scores",
            note=_score_note(comparison),
            table=score_table(comparison),
            bars=score_bars(comparison),
        ),
        _Part(
            heading="Are the differences certain?",
            note="Mean over the seeds, minus that of the first model. The interval is a paired "
            "bootstrap: 10,000 draws of the scored images with replacement, the same for both "
            "models. It says what other images would change, not what other seeds would.",
            table=difference_table(comparison, folder),
        ),
        _Part(
            heading="Cost",
            note=_cost_note(comparison),
            table=cost_table(comparison, speed),
            bars=cost_bars(comparison),
        ),
        _Part(
            heading=f"{wording.of_class} of each class, %",
            note="Mean over the seeds, then the difference to the first model, in points. "
            f"{wording.counted.capitalize()}: share of the scored {wording.counted}.",
            table=class_table(comparison),
        ),
        _Part(
            heading="Learning curves",
            note="Means over the seeds. A curve ends with the model of the last step; the scores "
            f"above, on {_data(comparison)}, are those of the model that each run kept"
            + (", the best of its validations." if comparison.task == "segmentation" else "."),
            curves=curves(logs, wording),
        ),
        _Part(heading="Options in which the models differ", table=option_table(comparison)),
        _Part(
            heading="Published",
            note="Results that papers report on the same data; not reproduced here.",
            table=published_table(comparison),
        ),
        _Part(
            heading="Published on other data",
            note="What the EncNet and CPNet papers report of these models, with other data, "
            "backbones and schedules. Compare the order of the models, not the numbers.",
            table=published_table(comparison, "published_elsewhere"),
        ),
        _Part(
            heading="Runs",
            note="All options of a run are in comparison.json. A + marks code that was changed "
            "after the commit. Minutes are for the whole run, possibly on a shared machine.",
            table=run_table(comparison),
        ),
    ]


def _title(comparison: Comparison) -> str:
    names = [entry.name for entry in comparison.entries]
    return f"{', '.join(names[:-1])} and {names[-1]}" if 1 < len(names) < 7 else "Comparison"


def _summary(comparison: Comparison) -> str:
    settings = comparison.settings
    seeds = sorted({run.seed for entry in comparison.entries for run in entry.runs})
    return (
        f"{_count(len(comparison.entries), 'model')} trained with "
        f"{_count(len(seeds), 'seed')} ({', '.join(map(str, seeds))}), scored on "
        f"{_count(settings['images'], 'image')} of {_data(comparison)}"
        + (", each at its own size and one scale." if comparison.task == "segmentation" else ".")
    )


def _data(comparison: Comparison) -> str:
    settings = comparison.settings
    return f"{settings['dataset'] or settings['data']}, {settings['split']}"


def _score_note(comparison: Comparison) -> str:
    several = any(len(entry.runs) > 1 for entry in comparison.entries)
    bounds = ", ".join(small_name(bound) for bound in comparison.settings["small"])
    over = comparison.settings.get("mean_over", ())
    return (
        ("Mean ± standard deviation over the seeds. " if several else "One seed per model. ")
        + (f"The first mean is over {', '.join(over)} alone. " if over else "")
        + "Differences are relative to the first model, in points. "
        + (
            f"{bounds}: IoU of the objects (connected components of a class in the ground truth) "
            "with fewer pixels, mean over the classes that have any."
            if bounds
            else ""
        )
    )


def _cost_note(comparison: Comparison) -> str:
    rows, columns = comparison.settings["size"]
    where = comparison.settings["machine"]
    without = ", without the auxiliary head" if comparison.task == "segmentation" else ""
    precisions = sorted({entry.config["precision"] for entry in comparison.entries})
    return (
        f"One image of {rows} × {columns} pixels{without}; GMAC: "
        f"convolutions and matrix products of the network. Speed and memory in precision "
        f"{' or '.join(precisions)} on {where['device']}, {_count(where['threads'], 'thread')}, "
        f"torch {where['torch']}; training includes reading and augmenting images."
    )


def _failures(comparison: Comparison) -> list[str]:
    return [
        f"{entry.name}, seed {run.seed}: {run.reason}"
        for entry in comparison.entries
        for run in entry.runs
        if run.status == "failed"
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
