"""Nobody but who was given the address gets in, and nothing is read without a limit."""

from __future__ import annotations

import gzip
import zlib

import pytest

from contextseg.explorer.guard import TooLargeError, unpacked
from tests.explorer.conftest import HOST, PORT


def test_the_token_becomes_a_cookie_and_leaves_the_address(client):
    client.cookies.clear()
    answer = client.get("/?token=secret&image=2", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?image=2"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"contextseg_{PORT}=secret;")
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/project", "/static/style.css", "/api/0/image"])
def test_without_the_cookie_there_is_nothing(client, path):
    client.cookies.clear()
    assert client.get(path).status_code == 401
    assert client.get(f"{path}?token=wrong").status_code == 401
    client.cookies.set(f"contextseg_{PORT}", "wrong")
    assert client.get(path).status_code == 401
    client.cookies.clear()
    client.cookies.set("contextseg_9999", "secret")  # another page's, on another port
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:9999", ""])
def test_other_hosts_are_not_answered(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 421
    assert client.get("/?token=secret", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", [f"localhost:{PORT}", f"[::1]:{PORT}"])
def test_all_names_of_this_machine_are_answered(client, host):
    answer = client.get("/?token=secret", headers={"Host": host}, follow_redirects=False)
    assert answer.status_code == 303


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", f"https://{HOST}", "http://127.0.0.1:9999"]
)
def test_only_our_own_page_writes(client, origin):
    headers = {} if origin is None else {"Origin": origin}
    del client.headers["Origin"]
    for call in (client.post, client.put, client.delete, client.patch):
        assert call("/api/0/wrong", headers=headers).status_code == 403
    ours = client.post("/api/0/wrong", headers={"Origin": f"http://{HOST}"}, json={"wrong": True})
    assert ours.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
     "/static/vendor/../../guard.py", "/api/../app.py", "/static/", "/etc/passwd"],
)  # fmt: skip
def test_no_path_leads_out(client, path):
    assert client.get(path).status_code == 404


def test_every_response_forbids_what_the_page_does_not_need(client):
    for answer in (client.get("/"), client.get("/api/99/image"), client.get("/nothing")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    client.cookies.clear()
    assert "content-security-policy" in client.get("/").headers


def test_bodies_have_a_limit(client):
    assert client.post("/api/0/wrong", content=b"x" * 20_000).status_code == 413

    def endless():
        for _ in range(1000):
            yield b"x" * 100_000  # 100 MB without a Content-Length

    assert client.post("/api/upload", content=endless()).status_code == 413


def test_unpacking_has_a_limit():
    assert unpacked(gzip.compress(b"a" * 100), 100) == b"a" * 100
    with pytest.raises(TooLargeError, match="more than 100 bytes"):
        unpacked(gzip.compress(b"a" * 101), 100)
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 60_000
    with pytest.raises(TooLargeError):
        unpacked(bomb, 1000)
    for broken in (b"", b"nonsense", gzip.compress(b"abc")[:-4], zlib.compress(b"abc")):
        with pytest.raises(ValueError, match="gzip data"):
            unpacked(broken, 1000)


def test_a_gzip_bomb_as_a_mask(annotating):
    answer = annotating.put(
        "/api/0/mask", content=gzip.compress(bytes(200_000)), headers={"If-Match": '"none"'}
    )
    assert answer.status_code == 413
