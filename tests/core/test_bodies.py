"""Bodies in chunks, and bodies nobody wants to read."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

from apps.core import bodies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MAX = 100


def reading(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An application that answers with its body, as long as it is said to be."""
    start_response("200 OK", [])
    return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]


def refusing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An application that looks at no body."""
    start_response("413 Too Large", [])
    return [b"refused"]


def answer(application: WSGIApplication, sent: BytesIO, **environ: str) -> bytes:
    wrapped = bodies.whole_bodies(application, max_bytes=MAX)
    return b"".join(wrapped({"wsgi.input": sent, **environ}, lambda *_: lambda _: None))


def test_a_body_in_chunks_arrives_whole() -> None:
    assert answer(reading, BytesIO(b"x" * MAX), HTTP_TRANSFER_ENCODING="chunked") == b"x" * MAX


def test_a_body_in_chunks_that_is_too_long_is_seen_to_be() -> None:
    assert len(answer(reading, BytesIO(b"x" * 500), HTTP_TRANSFER_ENCODING="chunked")) == MAX + 1


def test_a_body_with_a_length_is_left_as_it_is() -> None:
    assert answer(reading, BytesIO(b"hello"), CONTENT_LENGTH="5") == b"hello"


def test_a_body_that_is_refused_is_read_off() -> None:
    sent = BytesIO(b"x" * 500)
    assert answer(refusing, sent, CONTENT_LENGTH="500") == b"refused"
    assert sent.read() == b""


def test_a_body_without_end_is_cut_off() -> None:
    sent = BytesIO(b"x" * (bodies.READ_OFF_BYTES + 3 * bodies.PIECE_BYTES))
    answer(refusing, sent, CONTENT_LENGTH=str(2**40))
    assert len(sent.read()) >= bodies.PIECE_BYTES


def test_five_mebibytes_in_chunks_are_too_large() -> None:
    heard: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/telephony/nobody/functions/",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": BytesIO(b"x" * (5 * 1024 * 1024)),
        "wsgi.errors": BytesIO(),
        "wsgi.url_scheme": "http",
    }

    def start(status: str, *_: object) -> object:
        heard.append(status)
        return lambda _: None

    application = bodies.whole_bodies(WSGIHandler(), max_bytes=settings.MAX_BODY_BYTES)
    b"".join(application(environ, start))  # type: ignore[arg-type]
    assert heard == ["413 Request Entity Too Large"]
