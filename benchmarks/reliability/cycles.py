"""Everything again and again in one process, as a server or a notebook lives for days."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from pathlib import Path
from typing import Any

from benchmarks.reliability.long_work import Meter, predictor_of
from benchmarks.reliability.material import IMAGES_OF_A_PAGE, Material, few_photos
from benchmarks.reliability.saving import Client
from tests.training.crashes import config_of

WARM_UP = 2
"""Cycles before anything is counted: libraries open files and start threads once."""
MOST = 500


def cycles(material: Material, seconds: float) -> dict[str, Any]:
    """Cycles until the time is over."""
    for _ in range(WARM_UP):
        cycle(material)
    meter = Meter(seconds)
    while meter.done < 2 or (not meter.is_over and meter.done < MOST):
        cycle(material)
        meter.done += 1
        meter.sample()
    return meter.result(meter.done)


def cycle(material: Material) -> None:
    """A training that is stopped and resumed, its predictions, and a page that saves a mask."""
    from contextseg import load
    from contextseg.inference.predict_files import predict_files
    from contextseg.training.callbacks.monitor import Progress
    from contextseg.training.train import train

    root = material.root / "cycle"
    config = config_of("validated", material.scenes, root / "run")

    def stop(progress: Progress) -> None:
        if progress.batch == 1:
            signal.raise_signal(signal.SIGTERM)

    assert train(config, progress=False, watch=stop).interrupted
    assert not train(config, resume=True, progress=False).interrupted
    predictor = load(root / "run", device="cpu")
    assert predict_files(predictor, [material.photos], root / "masks").failed == []
    few_photos(material, root / "page")
    serve_once(root / "page", material)
    shutil.rmtree(root)


def serve_once(folder: Path, material: Material) -> None:
    """Serve a page, save two masks and two states on it, and end it."""
    import uvicorn

    from contextseg.data.classes import Classes
    from contextseg.explorer.annotations import AnnotationProject
    from contextseg.explorer.app import create_app
    from contextseg.explorer.guard import Guard
    from contextseg.explorer.session import Session

    project = AnnotationProject(folder, Classes.numbered(4))
    session = Session([predictor_of(material)], project)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        guard = Guard(create_app(session, project), port, token="secret")
        server = uvicorn.Server(uvicorn.Config(guard, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            sizes = [project.item(number).size() for number in range(IMAGES_OF_A_PAGE)]
            client = Client(f"http://127.0.0.1:{port}/?token=secret", sizes)
            client.save(turns=2)
            assert len(client.acknowledged) == 4, os.listdir(folder)
            session.inspection(0)
        finally:
            server.should_exit = True
            thread.join()
            session.close()
