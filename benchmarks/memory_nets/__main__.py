"""Quantize float nets and print the paths: `python -m benchmarks.memory_nets FLOAT.onnx...`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.memory_nets.cache import quantized
from edgewright.errors import EdgewrightError


def main() -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_nets", description=__doc__)
    parser.add_argument("nets", nargs="+", type=Path, metavar="FLOAT.onnx")
    parser.add_argument("--seed", type=int, default=0, help="of the inputs on which ranges are taken")
    options = parser.parse_args()
    try:
        for net in options.nets:
            print(quantized(net, seed=options.seed), flush=True)
    except EdgewrightError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
