"""`edgewright` and `python -m edgewright`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit status."""
    from edgewright.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
