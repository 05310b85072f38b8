"""Tables, byte sizes and progress."""

from __future__ import annotations

import io

import pytest

from edgewright.cli.progress import progress
from edgewright.cli.table import byte_text, text_fields, text_table


def test_table_aligns_columns():
    text = text_table(("name", "bytes"), [("a", 5), ("longer", 12345)], right=(1,))
    assert text.splitlines() == ["name    bytes", "a           5", "longer  12345"]


def test_table_without_rows_is_its_header():
    assert text_table(("name", "bytes"), []) == "name  bytes"


def test_fields():
    assert text_fields([("a", 1), ("long", "x"), ("none", "")]) == "a     1\nlong  x\nnone"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KB"),
        (17306, "16.9 KB"),
        (2 << 20, "2 MB"),
        (1572864, "1.5 MB"),
    ],
)
def test_byte_text(size, text):
    assert byte_text(size) == text


def test_progress_is_silent_without_a_terminal(capsys):
    with progress("build", 3) as advance:
        advance(1)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_progress_on_a_terminal_leaves_stdout_alone(capsys, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with progress("build", 3) as advance:
        advance(2)
        print("a result")
    assert capsys.readouterr().out == "a result\n"
    assert "build" in terminal.getvalue()
