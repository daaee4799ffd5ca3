"""What autovacuum does in production, done here where the server has it switched off.

Without it the planner never learns that a table has grown: a plan that a connection keeps from the time
when everything was empty goes on reading a whole company's rows, more of them with every request.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg

EVERY_SECONDS = 60.0  # as often as autovacuum looks


@contextmanager
def upkeep(url: str) -> Iterator[None]:
    """Keep this PostgreSQL database vacuumed and analyzed meanwhile, unless the server does it itself."""
    with psycopg.connect(url, autocommit=True) as connection:
        by_itself = connection.execute("SELECT current_setting('autovacuum')").fetchone() == ("on",)
    if by_itself:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_tend, args=(url, over), name="upkeep")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _tend(url: str, over: threading.Event) -> None:
    while not over.wait(EVERY_SECONDS):
        # A benchmark may cut every connection.
        with suppress(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
