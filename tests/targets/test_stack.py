"""Stack bounds against functions whose frames are known."""

from __future__ import annotations

import pytest

from edgewright.errors import WorkError
from edgewright.targets.board import load_board
from edgewright.targets.compiler import compile_library
from edgewright.targets.disassembly import register_list_bytes
from edgewright.targets.stack import StackBound, check_stack, library_stack

BOARDS = ["microbit", "mps2-an386", "mps2-an505", "mps3-an547"]
USE = "OWN void use(volatile uint8_t *p, int n) { p[n] = (uint8_t)n; }\n"
HEADER = """
#include <stdint.h>
#include <string.h>
#define OWN __attribute__((noinline, noclone))
void use(volatile uint8_t *p, int n);
USE
int m_run(int x);
""".replace("USE\n", USE)


def bound_of(source: str, board_id: str, folder) -> StackBound:
    library = folder / "library"
    library.mkdir()
    (library / "m.c").write_text(HEADER + source)
    board = load_board(board_id)
    return library_stack(compile_library(library, board, folder / "objects"), "m_run", board, folder)


def buffer(name: str, size: int) -> str:
    """A function with a frame of `size` bytes."""
    return f"static OWN int {name}(int x) {{ volatile uint8_t b[{size}]; use(b, x & 7); return b[x & 7]; }}\n"


@pytest.mark.parametrize("board", BOARDS)
def test_the_deeper_branch_counts(board, tmp_path):
    source = (
        buffer("shallow", 40) + buffer("deep", 400) + "int m_run(int x) { return shallow(x) + deep(x); }\n"
    )
    bound = bound_of(source, board, tmp_path)
    assert 400 <= bound.bytes <= 400 + 48
    assert bound.path[:2] == ("m_run", "deep")


@pytest.mark.parametrize("board", BOARDS)
def test_an_indirect_call_may_reach_every_function_in_a_table(board, tmp_path):
    source = buffer("one", 40) + buffer("other", 600) + buffer("direct_only", 3000)
    source += "static int (*const table[])(int) = {one, other};\n"
    source += "int m_direct(int x);\nint m_direct(int x) { return direct_only(x); }\n"
    source += "int m_run(int x) { return table[x & 1](x) + 1; }\n"
    bound = bound_of(source, board, tmp_path)
    assert 600 <= bound.bytes <= 600 + 48
    assert bound.path[:2] == ("m_run", "other")


@pytest.mark.parametrize("board", BOARDS)
def test_pointers_taken_in_code_count_too(board, tmp_path):
    source = buffer("taken", 500) + "static OWN int call(int (*f)(int), int x) { return f(x) + 1; }\n"
    source += "int m_run(int x) { return call(taken, x) + 1; }\n"
    assert bound_of(source, board, tmp_path).bytes >= 500


@pytest.mark.parametrize("board", ["microbit", "mps2-an386", "mps2-an505"])
def test_helpers_of_the_compiler_are_seen(board, tmp_path):
    """Doubles are soft on these cores; the helpers push registers."""
    source = "double d = 3; int m_run(int x) { d = d * x + 1 / d; return (int)d; }\n"
    bound = bound_of(source, board, tmp_path)
    assert 16 <= bound.bytes <= 400
    assert len(bound.path) > 1 and bound.path[1].startswith("__")


def test_a_static_function_of_the_same_name_in_another_file(tmp_path):
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "a.c").write_text(
        HEADER + buffer("same", 30) + "int b_run(int); int m_run(int x) { return same(x) + b_run(x); }\n"
    )
    other = HEADER.replace(USE, "")
    (folder / "b.c").write_text(
        other + buffer("same", 700) + "int b_run(int x); int b_run(int x) { return same(x) + 1; }\n"
    )
    board = load_board("mps2-an386")
    bound = library_stack(compile_library(folder, board, tmp_path / "objects"), "m_run", board, tmp_path)
    assert 700 <= bound.bytes < 800 and bound.path[:3] == ("m_run", "b_run", "same")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("int m_run(int x) { return x < 2 ? 1 : x * m_run(x - 1) + m_run(x - 2); }\n", "EW-STACK-RECURSION"),
        ("int m_run(int x) { volatile uint8_t b[x]; use(b, x - 1); return b[0]; }\n", "EW-STACK-DYNAMIC"),
    ],
)
def test_no_bound(source, code, tmp_path):
    with pytest.raises(WorkError) as error:
        bound_of(source, "mps2-an386", tmp_path)
    assert error.value.code == code and "m_run" in error.value.message


def test_check_stack():
    check_stack(StackBound(512, ("main",)), 512)
    with pytest.raises(WorkError) as error:
        check_stack(StackBound(520, ("main", "run")), 512)
    assert error.value.code == "EW-STACK-OVER"
    assert error.value.details["excess_bytes"] == 8
    assert "main -> run" in error.value.hint


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("{r4, lr}", 8),
        ("{r0, r1, r2, r3, r4, r5, r6, lr}", 32),
        ("{r4-r7, lr}", 20),
        ("sp!, {d8-d10}", 24),
        ("{s16}", 4),
        ("{r4, sl, fp}", 12),
    ],
)
def test_register_lists(text, size):
    assert register_list_bytes(text) == size
