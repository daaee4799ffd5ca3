"""The broker of an installation without services: no message is lost, read twice, or read half."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from kombu import Connection, Queue
from kombu.exceptions import KombuError

from booking_platform import embedded_broker
from booking_platform.celery import app

MESSAGES = 150


@pytest.fixture
def broker(tmp_path: Path) -> Callable[[], Connection]:
    """Makes connections to a broker of the test's own."""
    folders = {name: tmp_path / name for name in ("queue", "processed", "control")}
    for folder in folders.values():
        folder.mkdir()
    options = {
        "data_folder_in": str(folders["queue"]),
        "data_folder_out": str(folders["queue"]),
        "processed_folder": str(folders["processed"]),
        "control_folder": str(folders["control"]),
        "store_processed": False,
        "polling_interval": 0.01,
    }
    embedded_broker.Transport.global_state.clear()  # it remembers what was declared, in whatever folder
    return lambda: Connection("filesystem://", transport_options=options)


def send(broker: Callable[[], Connection], first: int) -> None:
    with broker() as connection, connection.SimpleQueue("celery") as queue:
        for number in range(first, first + MESSAGES):
            queue.put({"number": number, "text": "x" * 20_000})


def test_the_platform_uses_it() -> None:
    assert app.connection_for_write("filesystem://").transport_cls == "filesystem"
    with Connection("filesystem://") as connection:
        assert isinstance(connection.transport, embedded_broker.Transport)


def test_what_is_sent_while_others_read_arrives_whole_and_once(broker: Callable[[], Connection]) -> None:
    heard: Counter[int] = Counter()
    problems: list[BaseException] = []
    over = threading.Event()

    def receive() -> None:
        try:
            with broker() as connection, connection.SimpleQueue("celery") as queue:
                while not over.is_set():
                    try:
                        message = queue.get(timeout=0.05)
                    except queue.Empty:
                        continue
                    heard[message.payload["number"]] += 1
                    message.ack()
        except (KombuError, ValueError, OSError) as error:
            problems.append(error)

    readers = [threading.Thread(target=receive) for _ in range(2)]
    writers = [threading.Thread(target=send, args=(broker, first * MESSAGES)) for first in range(2)]
    for thread in [*readers, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    for _ in range(200):
        if len(heard) == 2 * MESSAGES or problems:
            break
        over.wait(0.05)
    over.set()
    for thread in readers:
        thread.join()
    assert problems == []
    assert heard == Counter(range(2 * MESSAGES))


def test_a_message_that_is_still_being_written_is_not_seen(
    broker: Callable[[], Connection], tmp_path: Path
) -> None:
    (tmp_path / "queue" / ".00000000000000000001_a.celery.msg").write_text('{"half', encoding="utf-8")
    with broker() as connection, connection.SimpleQueue("celery") as queue, pytest.raises(queue.Empty):
        queue.get(timeout=0.1)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_table_that_is_being_made_is_read_again(
    broker: Callable[[], Connection], tmp_path: Path, is_there: bool
) -> None:
    """Another thread has noted that it binds its queue, or has begun to write it."""
    with broker() as connection:
        channel = connection.channel()
        Queue("celery", exchange="celery", routing_key="celery", channel=channel).declare()
        table = tmp_path / "control" / "celery.exchange"
        whole = table.read_bytes()
        table.write_bytes(b"") if is_there else table.unlink()
        threading.Timer(0.05, table.write_bytes, [whole]).start()
        assert [one.queue for one in channel.get_table("celery")] == ["celery"]


def test_an_exchange_that_nobody_has_bound_has_no_queues(broker: Callable[[], Connection]) -> None:
    with broker() as connection:
        assert connection.channel().get_table("nobody") == []
