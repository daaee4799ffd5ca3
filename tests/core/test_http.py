from __future__ import annotations

import datetime
import gzip
import json
import os
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from apps.core.http import (
    BadRequestSetup,
    BodyTooLarge,
    ConnectionBroken,
    DeadlineExceeded,
    HttpAnswer,
    HttpSender,
)
from tests.core.loopback import Handler, Loopback, Peer, nobody_listens

DEADLINE = 0.2
# A busy machine; what is not stopped runs for many seconds.
TOLERANCE = 0.8


@pytest.fixture
def sender() -> Iterator[HttpSender]:
    sender = HttpSender()
    yield sender
    sender.close()


def ask(
    sender: HttpSender, url: str, *, method: str = "GET", within: float = DEADLINE, **more: int
) -> HttpAnswer:
    body = {"a": 1} if method == "POST" else None
    return sender.send(method=method, url=url, deadline=time.monotonic() + within, json_body=body, **more)


def polite(peer: Peer) -> None:
    while peer.request():
        peer.answer(b'{"ok":true}', headers="X-Request-Id: r1\r\n")


def drip_status_line(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 200 OK ")


def drip_headers(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\n")
    peer.drip(b"X-Header: 1\r\n")


def drip_body(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    peer.drip(b"x")


def drip_chunks(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.drip(b"1\r\nx\r\n")


def drip_continue(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001)


def silent(peer: Peer) -> None:
    peer.request()
    peer.silence()


def deaf(peer: Peer) -> None:
    """Takes the connection and never reads."""
    peer.silence()


def reset(peer: Peer) -> None:
    peer.request()
    peer.reset()


def hang_up(peer: Peer) -> None:
    peer.request()


def cut_off(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}")


def not_http(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)


SLOW = [drip_status_line, drip_headers, drip_body, drip_chunks, drip_continue, silent, deaf]
BROKEN = [reset, hang_up, cut_off, not_http]


@pytest.mark.parametrize("handler", SLOW)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slow_server_cannot_stretch_the_deadline(sender: HttpSender, handler: Handler, method: str) -> None:
    with Loopback(handler) as server:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            ask(sender, server.url, method=method)
        assert DEADLINE - 0.02 <= time.monotonic() - began < DEADLINE + TOLERANCE
        assert caught.value.sent


@pytest.mark.parametrize("handler", BROKEN)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_breaks_after_sending_may_have_been_heard(
    sender: HttpSender, handler: Handler, method: str
) -> None:
    with Loopback(handler) as server:
        began = time.monotonic()
        with pytest.raises(ConnectionBroken) as caught:
            ask(sender, server.url, method=method, within=5)
        assert time.monotonic() - began < 1
        assert caught.value.sent
        assert server.connections == 1


@pytest.mark.parametrize(
    "find", [nobody_listens, lambda: "http://no-such-host.invalid/"], ids=["port", "host"]
)
def test_without_a_connection_nothing_was_sent(sender: HttpSender, find: Callable[[], str]) -> None:
    with pytest.raises(ConnectionBroken) as caught:
        ask(sender, find(), method="POST", within=2)
    assert not caught.value.sent


def test_a_deadline_that_has_passed_sends_nothing(sender: HttpSender) -> None:
    with Loopback(polite) as server:
        with pytest.raises(DeadlineExceeded) as caught:
            ask(sender, server.url, within=-1)
        assert not caught.value.sent
        assert server.connections == 0


def test_a_large_upload_that_nobody_reads_ends_at_the_deadline(sender: HttpSender) -> None:
    within = 4 * DEADLINE  # writing the body down takes its time too
    with Loopback(deaf) as server:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            sender.send(
                method="POST", url=server.url, deadline=began + within, json_body={"a": "x" * 20_000_000}
            )
        assert time.monotonic() - began < within + TOLERANCE
        assert caught.value.sent


def endless_body(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not peer.stopping.is_set():
        peer.sock.sendall(b"x" * 65536)


def endless_header(peer: Peer) -> None:
    peer.request()
    peer.sock.sendall(b"HTTP/1.1 200 OK\r\n")
    while not peer.stopping.is_set():
        peer.sock.sendall(b"X-A: " + b"x" * 60_000 + b"\r\n")


def bomb(peer: Peer) -> None:
    peer.request()
    peer.answer(gzip.compress(b"0" * 30_000_000), headers="Content-Encoding: gzip\r\n")


@pytest.mark.parametrize("handler", [endless_body, bomb])
def test_a_huge_body_is_cut_off_at_its_cap(sender: HttpSender, handler: Handler) -> None:
    with Loopback(handler) as server:
        began = time.monotonic()
        with pytest.raises(BodyTooLarge) as caught:
            ask(sender, server.url, within=5, max_bytes=100_000)
        assert time.monotonic() - began < 2
        assert caught.value.sent


def test_headers_without_end_are_cut_off_too(sender: HttpSender) -> None:
    with Loopback(endless_header) as server, pytest.raises((BodyTooLarge, ConnectionBroken)):
        ask(sender, server.url, within=5, max_bytes=100_000)


def test_a_body_at_the_cap_is_read_whole(sender: HttpSender) -> None:
    def exact(peer: Peer) -> None:
        peer.request()
        peer.answer(b"x" * 100_000)

    with Loopback(exact) as server:
        assert len(ask(sender, server.url, within=5, max_bytes=100_000).body) == 100_000


def test_an_answer_has_status_lower_case_headers_body_and_time(sender: HttpSender) -> None:
    def refuse(peer: Peer) -> None:
        peer.request()
        peer.answer(b"<html>", status="503 Busy", headers="X-Request-ID: r1\r\nContent-Type: text/html\r\n")

    with Loopback(refuse) as server:
        answer = ask(sender, server.url, within=5)
    assert (answer.status, answer.body) == (503, b"<html>")
    assert answer.headers["x-request-id"] == "r1"
    assert 0 < answer.elapsed < 1


def test_what_is_sent_is_json_with_its_headers_and_query(sender: HttpSender) -> None:
    seen: list[bytes] = []

    def listen(peer: Peer) -> None:
        seen.append(peer.request())
        peer.answer()

    with Loopback(listen) as server:
        sender.send(
            method="POST",
            url=server.url,
            deadline=time.monotonic() + 5,
            headers={"Authorization": "Bearer k"},
            params={"take": 5, "start": "2026-01-07T08:00:00Z"},
            json_body={"name": "Ä"},
        )
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/x?take=5&start=2026-01-07T08%3A00%3A00Z HTTP/1.1\r\n")
    assert b"Authorization: Bearer k" in head
    assert json.loads(body) == {"name": "Ä"}


def test_reads_share_a_connection_and_writes_never_do(sender: HttpSender) -> None:
    with Loopback(polite) as server:
        for _ in range(3):
            ask(sender, server.url, within=5)
        assert server.connections == 1
        for expected in (2, 3):
            ask(sender, server.url, method="POST", within=5)
            assert server.connections == expected
        ask(sender, server.url, within=5)
        assert server.connections == 3


def test_an_idle_connection_is_not_trusted() -> None:
    sender = HttpSender(idle_seconds=0.0)
    with Loopback(polite) as server:
        ask(sender, server.url, within=5)
        ask(sender, server.url, within=5)
        assert server.connections == 2
        sender.close()


def test_after_a_missed_deadline_the_connection_is_not_used_again(sender: HttpSender) -> None:
    answers = iter([drip_body, polite])
    with Loopback(lambda peer: next(answers)(peer)) as server:
        with pytest.raises(DeadlineExceeded):
            ask(sender, server.url)
        assert ask(sender, server.url, within=5).body == b'{"ok":true}'
        assert server.connections == 2


def test_redirects_are_answers_and_not_followed(sender: HttpSender) -> None:
    def elsewhere(peer: Peer) -> None:
        while peer.request():
            peer.answer(b"moved", status="302 Found", headers="Location: /other\r\n")

    with Loopback(elsewhere) as server:
        answer = ask(sender, server.url, within=5)
        assert (answer.status, answer.body) == (302, b"moved")
        assert server.connections == 1


def test_cookies_of_one_company_are_not_sent_for_another(sender: HttpSender) -> None:
    seen: list[bytes] = []

    def bake(peer: Peer) -> None:
        while request := peer.request():
            seen.append(request)
            peer.answer(headers="Set-Cookie: session=first; Path=/\r\n")

    with Loopback(bake) as server:
        ask(sender, server.url, within=5)
        ask(sender, server.url, within=5)
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


def test_the_environment_s_proxy_is_not_used(sender: HttpSender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", nobody_listens())
    monkeypatch.setenv("no_proxy", "")
    with Loopback(polite) as server:
        assert ask(sender, server.url, within=5).status == 200


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://[::1", "http://127.0.0.1:99999/"])
def test_an_address_that_is_none_is_a_mistake_of_the_setup(sender: HttpSender, url: str) -> None:
    with pytest.raises(BadRequestSetup):
        ask(sender, url)


def test_a_header_with_a_line_break_is_refused_without_being_shown(sender: HttpSender) -> None:
    with pytest.raises(BadRequestSetup) as caught:
        sender.send(
            method="GET",
            url="http://127.0.0.1:1/",
            deadline=time.monotonic() + 1,
            headers={"Authorization": "Bearer cal_secret\r\nX: 1"},
        )
    assert "cal_secret" not in str(caught.value)


def test_what_was_asked_for_is_in_no_error_and_no_traceback(sender: HttpSender) -> None:
    with Loopback(reset) as server:
        for url in (server.url, nobody_listens()):
            with pytest.raises(ConnectionBroken) as caught:
                sender.send(
                    method="GET",
                    url=url,
                    deadline=time.monotonic() + 2,
                    headers={"Authorization": "Bearer cal_secret"},
                    params={"attendeeEmail": "anna@example.com"},
                )
            shown = "".join(traceback.format_exception(caught.value))
            assert "anna" not in shown
            assert "cal_secret" not in shown
            assert "Connection" in str(caught.value)


def test_neither_sockets_nor_threads_are_left_behind(sender: HttpSender) -> None:
    fds, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for handler in (drip_body, silent, reset, cut_off, endless_body):
        with Loopback(handler) as server:
            for method in ("GET", "POST"):
                with pytest.raises((DeadlineExceeded, ConnectionBroken, BodyTooLarge)):
                    ask(sender, server.url, method=method, within=0.05)
    sender.close()
    assert len(os.listdir("/proc/self/fd")) <= fds
    assert threading.active_count() <= threads


def test_threads_do_not_share_connections(sender: HttpSender) -> None:
    with Loopback(polite) as server:

        def twice() -> None:
            for _ in range(2):
                assert ask(sender, server.url, within=5).status == 200
            sender.close()

        workers = [threading.Thread(target=twice) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert server.connections == 4


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, as files."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> Iterator[HttpSender]:
    sender = HttpSender(tls=ssl.create_default_context(cafile=str(certificate[0])))
    yield sender
    sender.close()


def test_tls_works_and_keeps_its_connection(trusting: HttpSender, server_tls: ssl.SSLContext) -> None:
    with Loopback(polite, tls=server_tls) as server:
        for _ in range(2):
            assert ask(trusting, server.url, within=5).body == b'{"ok":true}'
        assert server.connections == 1


@pytest.mark.parametrize("handler", [drip_headers, drip_body, silent])
def test_tls_does_not_stretch_the_deadline(
    trusting: HttpSender, server_tls: ssl.SSLContext, handler: Handler
) -> None:
    with Loopback(handler, tls=server_tls) as server:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            ask(trusting, server.url, method="POST")
        assert time.monotonic() - began < DEADLINE + TOLERANCE
        assert caught.value.sent


def drip_handshake(peer: Peer) -> None:
    """The header of a large TLS record, and then its bytes one by one."""
    peer.sock.recv(65536)
    peer.sock.sendall(b"\x16\x03\x03\x40\x00")
    peer.drip(b"\x02")


@pytest.mark.parametrize("handler", [drip_handshake, deaf])
def test_a_slow_handshake_ends_at_the_deadline_with_nothing_sent(
    trusting: HttpSender, handler: Handler
) -> None:
    with Loopback(handler) as server:
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            ask(trusting, server.url.replace("http:", "https:"), method="POST")
        assert time.monotonic() - began < DEADLINE + TOLERANCE
        assert not caught.value.sent


def test_a_certificate_nobody_vouches_for_is_refused(sender: HttpSender, server_tls: ssl.SSLContext) -> None:
    with Loopback(polite, tls=server_tls) as server:
        with pytest.raises(ConnectionBroken) as caught:
            ask(sender, server.url, method="POST", within=5)
        assert not caught.value.sent
