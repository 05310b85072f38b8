"""Draws the pictures of docs/memory.md into docs/images; `make docs` runs it.

Those of MLPerf Tiny's models need the models in the folder that EDGEWRIGHT_MODELS names; without them
their pictures stay as they are.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from line_buffer import line_buffer_figure

from edgewright.converter.schedule import Wish
from edgewright.runtime.report.figure_style import svg_text
from edgewright.runtime.report.overview import figures
from edgewright.targets.board import load_board
from edgewright.targets.build import Budget, load_program_of
from edgewright.targets.exploration import explore_for_board
from edgewright.targets.planning import planning_for_board

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
DIGITS = ROOT / "examples" / "digits" / "digits_int8.onnx"
MODELS = Path(os.environ.get("EDGEWRIGHT_MODELS", ROOT))
VWW = MODELS / "vww_96_int8.tflite"
BOARD = "mps2-an386"


@dataclass(frozen=True)
class Picture:
    """A picture that `edgewright plan --out` writes.

    Args:
        name: Of the file in docs/images.
        model: What is planned.
        kind: "front" or "arena".
        wish: The plan's.
        board: For which it is planned.
        ram_bytes: RAM there is; None for the board's.
    """

    name: str
    model: Path
    kind: str
    wish: Wish
    board: str = BOARD
    ram_bytes: int | None = None


PICTURES = (
    Picture("digits_layers", DIGITS, "arena", Wish(schedule="layer", input="resident")),
    Picture("digits_rows", DIGITS, "arena", Wish(input="rows", slowdown=1.3)),
    Picture("vww_front", VWW, "front", Wish(), "netduinoplus2", 32 * 1024),
    Picture("vww_layers", VWW, "arena", Wish("layer", "resident"), ram_bytes=39 * 1024),
    Picture("vww_rows", VWW, "arena", Wish(input="rows"), ram_bytes=12 * 1024),
    Picture("vww_strips", VWW, "arena", Wish(input="rows", slowdown=1.8)),
)


def draw(picture: Picture) -> str:
    """The picture as SVG."""
    board = load_board(picture.board)
    program = load_program_of(picture.model)
    found = explore_for_board(program, board, picture.wish, Budget(picture.ram_bytes))
    return svg_text(figures(found, board)[picture.kind])


def main() -> int:
    """Write all pictures; exit status 0."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    planning = planning_for_board(load_program_of(DIGITS), load_board(BOARD))
    texts = {"line_buffer": svg_text(line_buffer_figure(planning, "conv1", "dw1"))}
    for picture in PICTURES:
        if picture.model.is_file():
            texts[picture.name] = draw(picture)
        else:
            print(f"{picture.name}: there is no {picture.model.name} (EDGEWRIGHT_MODELS)", file=sys.stderr)
    for name, text in texts.items():
        (IMAGES / f"{name}.svg").write_text(text, encoding="utf-8")
        print(f"wrote docs/images/{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
