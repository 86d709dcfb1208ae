"""Ship a model: export it to ONNX with a script that needs neither PyTorch nor contextseg.

The folder it writes (`model.onnx`, `segment.py`, `requirements.txt`) is all that the other machine
needs: NumPy, Pillow and ONNX Runtime. The export is checked against PyTorch before it is kept.
Then a process of its own, in which PyTorch cannot be imported, segments the photo, and its mask is
compared with PyTorch's. Needs the extra `export`.

    python examples/without_pytorch.py
    python examples/without_pytorch.py photo.jpg --model runs/mine --precision int8
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import contextseg
from contextseg.interop import export_standalone

SAMPLE = Path(__file__).resolve().parents[1] / "samples/camvid/images/test/0001TP_008640.webp"
WITHOUT = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path({!r}, None, '__main__')"


def main() -> None:
    """Read the arguments, export, run the exported model and compare."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("photo", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--model", default="street", help="street, animals, or a run folder")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "fp16", "int8"])
    parser.add_argument("--out", type=Path, default=Path("runs/without_pytorch"))
    args = parser.parse_args()
    photo: Path = args.photo

    report = export_standalone(args.model, args.out, precision=args.precision, overwrite=True)
    print(f"{report.path}: {report.bytes / 1e6:.1f} MB,", end=" ")
    print(f"agrees with PyTorch on {report.verification.agreement:.2%} of the pixels it tried")

    masks = args.out / "masks"
    script = WITHOUT.format(str(args.out / "segment.py"))
    subprocess.run([sys.executable, "-c", script, photo, "-o", masks], check=True)
    exported = np.asarray(Image.open(masks / f"{photo.stem}.png"))
    mask = contextseg.load(args.model)(photo).mask
    print(f"This photo: {np.mean(exported == mask):.2%} of the pixels have the same class.")


if __name__ == "__main__":
    main()
