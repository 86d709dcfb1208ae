"""A real server and a real browser; skipped where there is no Chromium."""

from __future__ import annotations

import os
import shutil
import threading
import time

import pytest

pytest.importorskip("playwright", reason="browser tests need playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("there is no Chromium (Debian: apt-get install chromium)", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium; as root it has no sandbox."""
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"] * root
        )
        yield started
        started.close()


@pytest.fixture
def served():
    """Serves a project in a thread; returns the address of the page."""
    import socket

    import uvicorn

    from contextseg.explorer.app import create_app
    from contextseg.explorer.guard import Guard
    from contextseg.explorer.session import Session

    running = []

    def serve(project, *models):
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        session = Session(list(models), project)
        guard = Guard(create_app(session, project), port, token="secret")
        server = uvicorn.Server(uvicorn.Config(guard, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.append((server, thread, session))
        return f"http://127.0.0.1:{port}/?token=secret"

    yield serve
    for server, thread, session in running:
        server.should_exit = True
        thread.join(30)
        session.close()


@pytest.fixture
def page(browser, served):  # so that the page is closed before its server
    """A fresh profile. Errors in its console, and requests elsewhere, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda each: each.type == "error" and problems.append(each.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))

    def requested(request):
        local = request.url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:", "data:"))
        if not local:
            problems.append(f"request to {request.url}")

    opened.on("request", requested)
    opened.problems = problems
    yield opened
    context.close()
    assert problems == []
