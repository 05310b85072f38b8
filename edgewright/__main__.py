"""`edgewright` and `python -m edgewright`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        from edgewright.cli import run
    except KeyboardInterrupt:  # before there is a command line that would report it
        print("EW-INTERRUPTED  interrupted", file=sys.stderr)
        return 130
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
