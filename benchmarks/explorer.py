"""How long a person waits for the pages of `explore` and `annotate`, in Chromium.

    python -m benchmarks.explorer [--rounds 3] [--json]

A tick: from the click on a class to the frame that shows the new mask. The next image: from the
key to the first frame with its mask, when it had been fetched in advance. What the network sees is
drawn at random: smooth fields of 150 classes, of which 12 are ticked. Needs playwright, Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import contextseg
from benchmarks.measuring import environment, percentiles
from contextseg.data.classes import Classes
from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.project import Project, explored
from contextseg.explorer.session import Session
from contextseg.inference.inspection import Inspection
from contextseg.inference.predictor import Predictor

CLASSES, TICKED, TICKS, PHOTOS = 150, 12, 20, 6
SIZES = {"1 MP": (864, 1152, 8), "12 MP": (3000, 4000, 16)}
"""Rows, columns, and pixels for a feature pixel."""
DECIDED = """() => {
  const { width, style } = document.querySelector(".sheet canvas");
  return [width * document.querySelector(".sheet canvas").height, parseFloat(style.width) / width];
}"""
PAINTED = """
const painted = () => new Promise((resolve) => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => resolve(performance.now());
  port2.postMessage(0);
}));
"""
TICK = f"""async (name) => {{
  {PAINTED}
  const box = document.querySelector(`[aria-label="${{name}}"]`);
  await painted();
  const start = performance.now();
  box.click();
  return (await painted()) - start;
}}"""
NEXT = f"""async (key) => {{
  {PAINTED}
  const body = document.body;
  const wanted = String(Number(body.dataset.image) + 1);
  const start = performance.now();
  body.dispatchEvent(new KeyboardEvent("keydown", {{ key, bubbles: true }}));
  while (body.dataset.image !== wanted || body.dataset.ready !== "true") await painted();
  return (await painted()) - start;
}}"""


class Drawn(Predictor):
    """A predictor that sees smooth fields at once: the page is measured, not a network."""

    stride = 8

    def inspect(self, image: object) -> Inspection:
        """What it makes up."""
        pixels = np.asarray(image)
        height, width = pixels.shape[:2]
        rows, columns = -(-height // self.stride), -(-width // self.stride)
        generator = torch.Generator().manual_seed(int(pixels[0, 0].sum()))
        coarse = torch.randn(1, CLASSES, 6, 8, generator=generator)
        smooth = F.interpolate(coarse, (rows, columns), mode="bicubic")[0]
        noise = torch.randn(smooth.shape, generator=generator)
        return Inspection(
            image=pixels, vocabulary=self.classes, coarse_logits=4 * smooth + 0.3 * noise,
            canvas=(rows * self.stride, columns * self.stride), align_corners=False,
        )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for size in SIZES:
        times: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, measured in measure(size).items():
                times.setdefault(name, []).extend(measured)
        rows += [
            {"size": size, "case": name, "count": len(each), **percentiles(each)}
            for name, each in times.items()
        ]
    where = environment("cpu")
    if options.json:
        print(json.dumps({"where": where, "rows": rows}))
        return
    busy = f"{100 * (where['others'] or 0):.0f} % busy with others"
    print(f"{where['device']}, {where['cores']} cores, {busy}")
    for row in rows:
        print(
            f"{row['size']:>6}  {row['case']:48} median {row['ms']:6.0f} ms"
            f"  (20 % {row['ms_p20']:.0f}, 80 % {row['ms_p80']:.0f}, {row['count']} times)"
        )


def measure(size: str) -> dict[str, list[float]]:
    """Milliseconds of each case in a fresh browser."""
    height, width, stride = SIZES[size]
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        images.mkdir()
        for number in range(PHOTOS):
            write_photo(images / f"{number}.jpg", number, height, width)
        classes = Classes.numbered(CLASSES)
        model = contextseg.create_model(
            "fcn", backbone="resnet10t", num_classes=CLASSES, head_channels=16
        )
        seen = Drawn(model.eval(), classes, device="cpu")
        seen.stride = stride
        project = AnnotationProject(folder, classes)
        for number in range(PHOTOS):
            project.save_state(number, {"ticks": list(range(TICKED))}, "none")
        found = annotating(size, seen, project)
        return found | exploring(seen, explored([str(images)], classes))


def annotating(size: str, seen: Predictor, project: AnnotationProject) -> dict[str, list[float]]:
    """Ticks on an image, as a whole and, of a large one, enlarged; then the next images."""
    found: dict[str, list[float]] = {}
    with served(seen, project) as url, page_of(f"{url}#image=0") as page:  # not the last one saved
        found[f"tick, {decided(page)[0] / 1e6:.1f} MP decided (annotate)"] = ticks(page)
        if size != "1 MP":
            box = page.locator(".frame").bounding_box()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            while decided(page)[1] > 1:
                page.mouse.wheel(0, -60)
                page.wait_for_timeout(100)
            found[f"tick, enlarged, {decided(page)[0] / 1e6:.1f} MP decided (annotate)"] = ticks(
                page
            )
        page.wait_for_selector('body[data-saved="saved"]', timeout=120_000)
        found["next image, fetched in advance (annotate)"] = following(page)
    return found


def exploring(seen: Predictor, project: Project) -> dict[str, list[float]]:
    """The next images, decided among all classes."""
    with served(seen, project) as url, page_of(url) as page:
        return {"next image, fetched in advance (explore)": following(page)}


def decided(page: Any) -> tuple[float, float]:
    """Pixels of the mask that are decided for the screen, and the rows that one stands for."""
    pixels, step = page.evaluate(DECIDED)
    return pixels, step


def ticks(page: Any) -> list[float]:
    """Warm ticks of the class that the list begins with, off and on; the first two are dropped."""
    name = page.locator(".scene input").first.get_attribute("aria-label")
    return [page.evaluate(TICK, name) for _ in range(TICKS + 2)][2:]


def following(page: Any) -> list[float]:
    """One image after the other."""
    times = []
    for number in range(1, PHOTOS):
        page.wait_for_selector(f'body[data-fetched="{number}"]', timeout=120_000)
        times.append(page.evaluate(NEXT, "j"))
    return times


def write_photo(path: Path, number: int, height: int, width: int) -> None:
    """A smooth picture with some noise, as a JPEG."""
    random = np.random.default_rng(number)
    small = Image.fromarray(random.integers(0, 256, (9, 12, 3), np.uint8))
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    noise = random.integers(-8, 9, (height, width, 1), np.int16)
    Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8)).save(path, quality=90)


@contextmanager
def served(seen: Predictor, project: Project) -> Iterator[str]:
    """The page, from a thread."""
    import uvicorn

    from contextseg.explorer.app import create_app
    from contextseg.explorer.guard import Guard

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    session = Session([seen], project)
    guard = Guard(create_app(session, project), port)
    server = uvicorn.Server(uvicorn.Config(guard, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{port}/?token={guard.token}"
    server.should_exit = True
    thread.join()
    session.close()


@contextmanager
def page_of(url: str) -> Iterator[Any]:
    """The page in a window of 1280 x 720, when it is ready."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(url)
        page.wait_for_selector('body[data-ready="true"]', timeout=120_000)
        yield page
        browser.close()


if __name__ == "__main__":
    main()
