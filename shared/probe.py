"""What slow work tells of itself: that it began, took a step, ended or was cancelled.

The checks read it, for only the work itself knows whether it really stopped. Where the variable
`CHATKIT_PROBE` names no file, nothing is written.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

VARIABLE = "CHATKIT_PROBE"

Phase = Literal["started", "ended", "cancelled"]


def report(work: str, phase: Phase) -> None:
    """Append one line of JSON to the file, such as `{"work": "week 3", "phase": "ended"}`."""
    name = os.environ.get(VARIABLE)
    if name:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"work": work, "phase": phase}) + "\n")


__all__ = ["VARIABLE", "Phase", "report"]
