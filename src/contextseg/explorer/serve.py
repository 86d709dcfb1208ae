"""Run the page on this machine until Ctrl-C."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable

from contextseg.explorer.guard import LOOPBACK, Guard
from contextseg.explorer.project import Project
from contextseg.explorer.session import Session


def serve(
    session: Session,
    project: Project,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    open_page: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Serve until the process is interrupted.

    Args:
        session: models and what they saw.
        project: the images.
        host: address to listen on; another than loopback lets others on the network try.
        port: port; 0 takes a free one.
        open_page: open the page in the browser.
        say: is told the address.

    Raises:
        OSError: the address is taken.
    """
    import uvicorn

    from contextseg.explorer.app import create_app

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()  # before the address is told: a browser may be quicker than the server
        port = listening.getsockname()[1]
        named = host in ("127.0.0.1", "localhost", "::1")
        shown = LOOPBACK[0] if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        guard = Guard(create_app(session, project), port, () if named else (shown,))
        address = f"http://{shown}:{port}/?token={guard.token}"
        say(address)
        if open_page:
            webbrowser.open(address)
        settings = uvicorn.Config(guard, log_level="warning", access_log=False, lifespan="off")
        try:
            uvicorn.Server(settings).run(sockets=[listening])
        finally:
            session.close()
