"""`edgewright` and `python -m edgewright`."""

from __future__ import annotations

import os
import sys

# 128 + SIGPIPE, as other programs have it.
EXIT_BROKEN_PIPE = 141


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        from edgewright.cli import run
    except KeyboardInterrupt:  # before there is a command line that would report it
        print("EW-INTERRUPTED  interrupted", file=sys.stderr)
        return 130
    try:
        return run(sys.argv[1:])
    except BrokenPipeError:  # whoever read the output has gone, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE


if __name__ == "__main__":
    sys.exit(main())
