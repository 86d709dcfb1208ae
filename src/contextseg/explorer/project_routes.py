"""Routes about the project as a whole: its models, classes and list of images."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contextseg.explorer.annotations import AnnotationProject
from contextseg.explorer.guard import read_body
from contextseg.explorer.parameters import integer, number_of
from contextseg.explorer.project import Project
from contextseg.explorer.ranking import Ranking
from contextseg.explorer.session import Session
from contextseg.explorer.uploads import Uploads
from contextseg.system.json_text import load_json

LONGEST_PAGE = 500
"""Images that one request lists."""
LARGEST_NOTE = 10_000
LARGEST_UPLOAD = 64 * 2**20


def project_routes(session: Session, project: Project, mode: str) -> Sequence[Route]:
    """`/api/project`, `/api/images`, `/api/{number}/wrong`, `/api/upload`."""
    uploads, ranking = Uploads(project), Ranking(session, project)

    def described(request: Request) -> Response:
        return JSONResponse(
            {
                "mode": mode,
                "count": len(project),
                "models": [_model(predictor) for predictor in session.models],
                "classes": [
                    {"label": label, "id": info.id, "name": info.name, "color": list(info.color)}
                    for label, info in enumerate(project.classes.classes)
                ],
                "dataset": project.classes.dataset,
                "orders": {"name": "name"} | ranking.orders(),
                "notes": project.notes[:100],
                "writable": isinstance(project, AnnotationProject),
                "position": (project.position() if isinstance(project, AnnotationProject) else 0),
                "lists": project.lists() if isinstance(project, AnnotationProject) else {},
            }
        )

    def listed(request: Request) -> Response:
        start = integer(request, "start", 0)
        count = min(integer(request, "count", 100), LONGEST_PAGE)
        wanted = request.query_params.get("filter", "").casefold()
        labelled = project.labelled() if isinstance(project, AnnotationProject) else set()
        wrong = project.wrong()
        numbers = [n for n, item in enumerate(project.items) if wanted in item.name.casefold()]
        order = request.query_params.get("order", "name")
        if order != "name":
            key = ranking.key(order)
            ranking.start()
            numbers.sort(key=key)
        images = [
            {
                "n": n,
                "name": project.items[n].name,
                "labelled": n in labelled,
                "wrong": project.items[n].name in wrong,
                "truth": project.items[n].truth is not None,
                "scores": ranking.scores.get(n, {}),
            }
            for n in numbers[start : start + count]
        ]
        ranked = ranking.progress()[0]
        return JSONResponse({"total": len(numbers), "images": images, "ranked": ranked})

    async def mark(request: Request) -> Response:
        content = load_json((await read_body(request, LARGEST_NOTE)).decode())
        if not isinstance(content, dict) or not isinstance(content.get("wrong"), bool):
            raise ValueError('expected {"wrong": true or false, "note": "..."}.')
        note = str(content.get("note", ""))[:1000] if content["wrong"] else None
        project.mark_wrong(number_of(request), note)
        return JSONResponse({"wrong": content["wrong"]})

    async def upload(request: Request) -> Response:
        data = await read_body(request, LARGEST_UPLOAD)
        return JSONResponse({"n": uploads.add(data)}, 201)

    return [
        Route("/api/project", described),
        Route("/api/images", listed),
        Route("/api/{number:int}/wrong", mark, methods=["POST"]),
        Route("/api/upload", upload, methods=["POST"]),
    ]


def _model(predictor: object) -> dict[str, object]:
    """What the page needs to know of a model before it has seen an image."""
    config = predictor.config  # pyright: ignore[reportAttributeAccessIssue]
    context = config.context
    return {
        "name": repr(predictor),
        "context": config.name,
        "backbone": config.backbone,
        "classes": predictor.classes.names,  # pyright: ignore[reportAttributeAccessIssue]
        "codewords": getattr(context, "num_codewords", 0) or None,
        "gates": config.head_channels if config.name == "encnet" else None,
        "prior": config.name == "cpnet",
    }
