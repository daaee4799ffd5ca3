from __future__ import annotations

from pathlib import Path

import pytest

from tools import procfile


def test_lines_are_read_by_name_comments_and_blanks_left_out(tmp_path: Path) -> None:
    path = tmp_path / "Procfile"
    path.write_text("# what runs\n\nweb: serve --port $PORT\nworker: work: hard\n", encoding="utf-8")
    assert procfile.read(path) == {"web": "serve --port $PORT", "worker": "work: hard"}


@pytest.mark.parametrize("line", ["web", "web:", ": serve", "two words: serve"])
def test_a_line_without_a_name_or_command_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "Procfile"
    path.write_text(f"web: serve\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="Procfile:2"):
        procfile.read(path)
