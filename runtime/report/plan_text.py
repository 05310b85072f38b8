"""The plan in words: what the terminal shows and report.txt holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgewright.cli.table import text_table
from edgewright.converter.short_names import short_names

INPUT_WORDS = {"resident": "input resident", "rows": "input by rows"}
SCHEDULE_WORDS = {"layer": "layer by layer", "stream": "streamed", "patch": "patches"}
Data = Mapping[str, Any]
