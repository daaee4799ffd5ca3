"""Request bodies at the application's door, where the server hands them over piece by piece.

Django knows a body by its Content-Length alone: one sent in chunks – by a proxy that buffers nothing –
would be empty, and its signature wrong. And who is refused before the body was read is still sending:
closed on, most clients report a broken connection instead of the refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

PIECE_BYTES = 64 * 1024
# So much of a refused body is read off and thrown away; whoever sends more is cut off.
READ_OFF_BYTES = 16 * 1024 * 1024


def whole_bodies(application: WSGIApplication, *, max_bytes: int) -> WSGIApplication:
    """The application, with every body of at most ``max_bytes`` whole and what is left of others read off.

    A longer body in chunks reaches the application as its first ``max_bytes`` + 1 bytes, with that length.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent: InputStream = environ["wsgi.input"]
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
            body = _read(sent, max_bytes + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        try:
            return application(environ, start_response)
        finally:
            if environ.get("CONTENT_LENGTH") not in (None, "", "0"):
                _read_off(sent)

    return answer


def _read(stream: InputStream, size: int) -> bytes:
    body = bytearray()
    while len(body) < size and (piece := stream.read(min(PIECE_BYTES, size - len(body)))):
        body += piece
    return bytes(body)


def _read_off(stream: InputStream) -> None:
    left = READ_OFF_BYTES
    while left > 0 and (piece := stream.read(PIECE_BYTES)):
        left -= len(piece)
