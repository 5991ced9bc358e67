"""Find the browser of this machine, so that nobody has to download another one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")

# Where browsers live that are not on PATH.
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)

# No call home, and no service that a headless test could use.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]

MISSING = (
    "The page tests need a browser and found none. Install Chrome, Chromium or Edge, or type:\n"
    "    python -m playwright install chromium-headless-shell\n"
    "Set WORKBOOK_BROWSER to its path where it is somewhere else."
)


class BrowserError(Exception):
    """The browser that was asked for is not there. The text says what to do."""


def find_browser() -> Path | None:
    """The browser's path: `WORKBOOK_BROWSER`, then a known name on PATH, then a known place.

    None means that only Playwright's own may be left to try. Raises `BrowserError` where
    `WORKBOOK_BROWSER` names nothing that can be run.
    """
    wanted = os.environ.get("WORKBOOK_BROWSER")
    if wanted:
        found = shutil.which(wanted)
        if not found:
            raise BrowserError(f"WORKBOOK_BROWSER={wanted} is no program. Correct or unset it.")
        return Path(found)
    for name in (*NAMES, *PLACES):
        if found := shutil.which(name):
            return Path(found)
    return None


def browser_arguments() -> list[str]:
    """Command-line arguments for a headless run. Root has no sandbox, as in most containers."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*ARGUMENTS, "--no-sandbox"] if as_root else ARGUMENTS
