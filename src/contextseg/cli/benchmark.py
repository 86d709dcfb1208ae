"""`contextseg benchmark MODEL`: speed and quality of a model in every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from contextseg.cli.model_argument import require_order
from contextseg.cli.parsing import CommandParser

if TYPE_CHECKING:
    from contextseg.interop.benchmark import Row
    from contextseg.interop.compute_bound import Floor

EXAMPLE = """
contextseg benchmark runs/mine --data camvid
contextseg benchmark runs/mine --engines eager,onnxruntime,openvino-bf16 --size 480 480 --batch 4
"""

DESCRIPTION = """\
Measure a model on the CPU, in PyTorch (eager, channels_last, compiled, bf16) and as an exported
file (onnxruntime, openvino, openvino-bf16, and int8 in both): time per batch, images per second
and, with --data, pixel agreement with fp32 and mean IoU. The floor, below the table, is the time
that the network's multiplications take at the rate of plain matrix products, measured in the same
process. Where bfloat16 is slower than float32, engines that use it are skipped, with the reason.
Run this on an otherwise idle machine.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments; returns the exit code."""
    parser = CommandParser("benchmark", DESCRIPTION, EXAMPLE)
    parser.add_argument("model", metavar="MODEL", help="run or model folder, or .safetensors file")
    parser.add_argument("--engines", metavar="E,E,...", help="engines to measure (default: all)")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(480, 480), metavar=("H", "W"),
        help="rows and columns of the timed images (default: 480 480)",
    )  # fmt: skip
    parser.add_argument(
        "--batch", type=int, default=1, metavar="N", help="images per call (default: 1)"
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="data set for agreement, mean IoU and int8 calibration (on its train split)",
    )
    parser.add_argument("--split", default="val", help="split to score (default: val)")
    parser.add_argument(
        "--limit", type=int, default=20, metavar="N", help="images to score (default: 20)"
    )
    parser.add_argument(
        "--repeats", type=int, default=7, metavar="N", help="timed calls (default: 7)"
    )
    options = parser.parse_args(list(argv))
    require_order("benchmark", options.model, options.data, "--data ")

    from contextseg import benchmark
    from contextseg.interop.backends import ENGINES
    from contextseg.interop.benchmark import processor

    engines = ENGINES if options.engines is None else tuple(options.engines.split(","))
    result = benchmark(
        options.model,
        engines=engines,
        size=tuple(options.size),
        batch=options.batch,
        data=options.data,
        split=options.split,
        limit=options.limit,
        repeats=options.repeats,
    )
    rows_and_columns = " x ".join(map(str, options.size))
    print_rows(result.rows, f"{options.model}, {rows_and_columns} pixels, batch {options.batch}")
    print(floor_text(result.floor))
    print(processor())
    return 0


def floor_text(floor: Floor) -> str:
    """The time that arithmetic alone takes, in words."""
    rate, least = (
        f"{floor.fp32_gflops:.0f} GFLOP/s in fp32",
        f"{floor.fp32_milliseconds:.1f} ms in fp32",
    )
    if floor.bf16_gflops is not None:
        rate += f" and {floor.bf16_gflops:.0f} in bf16"
        least += f", {floor.bf16_milliseconds:.1f} ms in bf16"
    return (
        f"{floor.gmac:.3g} GMAC per batch. Plain matrix products run at {rate}, so an engine that "
        f"uses plain multiplication takes at least {least}."
    )


def print_rows(rows: Sequence[Row], title: str) -> None:
    """Print the table, then the notes, such as why an engine has no results."""
    from contextseg.cli.print_tables import columns, titled
    from contextseg.system.terminal import cell

    table = columns("engine", "ms", "images/s", "speed-up", "agreement %", "mIoU %")
    for row in rows:
        table.add_row(
            row.engine,
            *(
                "–" if value is None else f"{factor * value:.{digits}f}"
                for value, factor, digits in (
                    (row.milliseconds, 1, 1),
                    (row.images_per_second, 1, 2),
                    (row.speed_up, 1, 2),
                    (row.agreement, 100, 3),
                    (row.mean_iou, 100, 2),
                )
            ),
        )
    console = titled(title)
    console.print(table)
    for row in rows:
        if row.note:
            console.print(cell(f"{row.engine}: {row.note}"), soft_wrap=True)
