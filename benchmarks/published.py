"""The page `docs/results/published.md`, from the results in `contextseg.report.published`.

python -m benchmarks.published
"""

from __future__ import annotations

from pathlib import Path

from contextseg.report.published import published, table_of
from contextseg.system.atomic_files import write_text

PAGE = Path(__file__).parents[1] / "docs" / "results" / "published.md"
INTRODUCTION = """\
# What others report

Results of the papers on EncNet and CPNet, of the systems that they compare with, and of public
model zoos. **None was reproduced here.** `contextseg models --published` prints them; reports of
`contextseg compare` on the same data set show its rows beside the trained models.

- *EncNet paper*: Zhang et al., Context Encoding for Semantic Segmentation, CVPR 2018 (arXiv
  1803.08904). Its tables were read in reviews, so their numbers are not given, and neither is a
  protocol that the reviews do not mention.
- *CPNet paper*: Yu et al., Context Prior for Scene Segmentation, CVPR 2020 (arXiv 2004.01547).
  Tables 4 to 6 as the official repository shows them; the ablations from a summary.
- *PyTorch-Encoding's model zoo*: models of EncNet's authors, at several scales with mirror images
  in sliding windows.
- The other zoos trained EncNet themselves.

Scores are in percent. *Classes* tells apart PASCAL-Context without (59) and with (60) background.
The final score of ADE20K is the mean of mean IoU and pixel accuracy. The data are in
`src/contextseg/report/published.json`; `python -m benchmarks.published` writes this page.
"""


def page() -> str:
    """The page as Markdown."""
    names = dict.fromkeys(row.data for row in published())
    tables = [
        f"\n## {name}\n\n{table_of([row for row in published() if row.data == name]).markdown()}"
        for name in names
    ]
    return INTRODUCTION + "".join(tables)


if __name__ == "__main__":
    write_text(PAGE, page())
