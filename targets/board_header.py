"""What the firmware knows of a board: `ew_board.h` and the linker script, generated from its TOML."""

from __future__ import annotations

from pathlib import Path

from edgewright.targets.board import Board, Driver

LINKER_TEMPLATE = Path(__file__).resolve().parents[1] / "firmware_templates" / "cortex_m" / "link.ld.j2"


def _macros(prefix: str, driver: Driver | None) -> list[str]:
    config = driver.config if driver else {}
    return [f"#define EW_{prefix}_{key.upper()} {value:#x}u" for key, value in config.items()]


def board_header(board: Board) -> str:
    """Text of ew_board.h: identity, clock, and the drivers' numbers as EW_<TABLE>_<KEY>."""
    lines = [
        f"/* {board.id}. Generated from its TOML; do not edit. */",
        "#ifndef EW_BOARD_H",
        "#define EW_BOARD_H",
        f'#define EW_BOARD_ID "{board.id}"',
        f"#define EW_CLOCK_HZ {board.clock_hz}u",
        f"#define EW_CONSOLE_BAUD {board.console.baud}u",
        *_macros("CONSOLE", board.console.driver),
        *_macros("TIMER", board.timer),
        *_macros("CLOCK", board.clock),
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def linker_script(board: Board, stack_bytes: int, has_boot2: bool) -> str:
    """The linker script of a board's memory map."""
    import jinja2

    template = jinja2.Template(LINKER_TEMPLATE.read_text(), undefined=jinja2.StrictUndefined)
    text: str = template.render(board=board, stack_bytes=stack_bytes, has_boot2=has_boot2)
    return text + "\n"
