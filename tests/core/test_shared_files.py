from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from apps.core import shared_files
from apps.core.shared_files import change_json, locked

HOLD = """
import sys, time
from pathlib import Path
from apps.core.shared_files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def plus_one(content: dict[str, Any]) -> int:
    content["count"] = content.get("count", 0) + 1
    return int(content["count"])


def test_changes_made_at_once_are_all_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_files, "PATIENCE_SECONDS", 5.0)
    path = tmp_path / "new" / "file.json"
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: change_json(path, plus_one), range(80)))
    assert sorted(counts) == list(range(1, 81))
    assert path.read_bytes() == b'{"count":80}'


def test_what_only_reads_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    change_json(path, plus_one)
    before = path.stat().st_mtime_ns
    assert change_json(path, lambda content: content["count"]) == 1
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("written", [b"{broken", b"[1]", b"\xff"])
def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(written)
    assert change_json(path, plus_one) == 1
    assert path.read_bytes() == b'{"count":1}'


def test_a_lock_that_another_process_keeps_is_not_waited_for_and_its_death_frees_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(OSError, match="locked by another process"), locked(path):
                pass
        finally:
            holder.kill()
    with locked(path) as file:
        assert file.read() == b""
