"""What keeps a local page to its user: a token, and checks of Host, Origin and sizes."""

from __future__ import annotations

import hmac
import secrets
import zlib
from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
WRITING = ("POST", "PUT", "PATCH", "DELETE")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response, unless it sets them itself."""


class TooLargeError(ValueError):
    """A body, or what it unpacks to, is larger than allowed."""


class Guard:
    """ASGI middleware in front of all routes.

    Who opens the address with the token gets a cookie and is sent on to the address without it;
    every other request must bring the cookie. The cookie's name has the port in it, because
    cookies do not distinguish ports. A page elsewhere can neither read nor write: Host must be one
    of ours (against DNS rebinding), and a request that writes must come from our own Origin.

    Args:
        app: the application.
        port: port that the server listens on.
        hosts: further host names, without port, that the page may be reached by.
        token: the secret; None draws 256 bits.
    """

    def __init__(
        self, app: ASGIApp, port: int, hosts: Iterable[str] = (), token: str | None = None
    ) -> None:
        self.app = app
        self.token = token or secrets.token_urlsafe(32)
        self.cookie = f"contextseg_{port}"
        self.hosts = {f"{host}:{port}" for host in (*LOOPBACK, *hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websockets
        headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
        sent = _with_headers(send)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _plain(sent, *refusal)
            return
        await self.app(scope, receive, sent)

    def _refusal(
        self, scope: Scope, headers: dict[str, bytes]
    ) -> tuple[int, str, dict[str, str]] | None:
        """Status, text and headers of a response that ends the request; None lets it pass."""
        if _text(headers, "host") not in self.hosts:
            return 421, "This address is not one of the page.", {}
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["method"] == "GET" and "token" in query:
            if not self._is_token(query.pop("token")[-1]):
                return 401, "The token is wrong. Use the address that the command printed.", {}
            rest = urlencode(query, doseq=True)
            # The root path alone: a path that begins with // would lead to another host.
            return 303, "", {"Location": f"/?{rest}" if rest else "/", "Set-Cookie": self._cookie()}
        cookie = SimpleCookie(_text(headers, "cookie")).get(self.cookie)
        if cookie is None or not self._is_token(cookie.value):
            return 401, "Open the address with the token that the command printed.", {}
        if scope["method"] in WRITING and not self._is_ours(_text(headers, "origin")):
            return 403, "This request comes from another page.", {}
        return None

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _is_ours(self, origin: str) -> bool:
        return origin.startswith("http://") and origin.removeprefix("http://") in self.hosts

    def _cookie(self) -> str:
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"


async def read_body(request: Request, limit: int) -> bytes:
    """The body of a request, of at most `limit` bytes.

    Raises:
        TooLargeError: there is more; what has been read is dropped.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise TooLargeError(f"the request is larger than {limit} bytes.")
        parts.append(part)
    return b"".join(parts)


def unpacked(data: bytes, limit: int) -> bytes:
    """The content of gzip data, of at most `limit` bytes.

    Raises:
        TooLargeError: it unpacks to more.
        ValueError: it is no complete gzip data.
    """
    unpacking = zlib.decompressobj(wbits=31)
    try:
        content = unpacking.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError(f"the body is no gzip data ({error}).") from error
    if len(content) > limit:
        raise TooLargeError(f"the body unpacks to more than {limit} bytes.")
    if not unpacking.eof:
        raise ValueError("the body is incomplete gzip data.")
    return content


def _text(headers: dict[str, bytes], name: str) -> str:
    return headers.get(name, b"").decode("latin-1")


def _with_headers(send: Send) -> Send:
    """`send` that adds the headers of every response."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            known = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in HEADERS.items()
                    if name.lower().encode() not in known
                ),
            ]
        await send(message)

    return sending


async def _plain(send: Send, status: int, text: str, headers: dict[str, str]) -> None:
    body = text.encode()
    fields = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(body))}
    lines = [(name.lower().encode(), value.encode()) for name, value in (fields | headers).items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": body})
