"""A server for masks: the body of a request is a photo, the answer its mask as a PNG of class ids.

Needs fastapi and uvicorn. MODEL names the model: `street` by default, or a run folder. It limits
the size of photos and segments one at a time, and has no authentication: keep it behind a server
that has.

    MODEL=street uvicorn --app-dir examples serve_fastapi:app
    curl --data-binary @street.jpg localhost:8000/mask -o mask.png
"""

import os
from threading import Lock

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

import contextseg
from contextseg.data.images import ImageError

MOST_BYTES = 50_000_000
predictor = contextseg.load(os.environ.get("MODEL", "street"))
app, one_at_a_time = FastAPI(), Lock()  # one image uses all cores


@app.post("/mask")
async def mask(request: Request) -> Response:
    """The mask of the image in the body: a PNG of class ids, with a palette."""
    image = bytearray()
    async for part in request.stream():
        image += part
        if len(image) > MOST_BYTES:
            raise HTTPException(413, f"an image has at most {MOST_BYTES} bytes")
    try:
        return Response(await run_in_threadpool(segment, bytes(image)), media_type="image/png")
    except ImageError as error:
        raise HTTPException(422, str(error)) from None


def segment(image: bytes) -> bytes:
    """The mask of an encoded image, made in a thread."""
    with one_at_a_time:
        return predictor(image).mask_png


@app.get("/classes")
def classes() -> list[dict[str, object]]:
    """What the ids in masks stand for."""
    listed: list[dict[str, object]] = predictor.classes.to_dict()["classes"]
    return listed
