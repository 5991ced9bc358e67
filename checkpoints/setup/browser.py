"""Find a browser for the tests that look at a page, or get one."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from pathlib import Path

from checkpoints.bootstrap import ROOT, VENV_PYTHON
from checkpoints.setup.steps import SetupError, install_with_apt, one_at_a_time, run, say, succeeds

LOCK = Path(ROOT, "checkpoints", "setup", "browser.lock")

_PROGRAMS = (
    "chromium-headless-shell",  # shows a page for half the work: it draws no window round it
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "microsoft-edge",
    "msedge",
)
_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
# No call home, and no service that a headless run could use.
_ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_LAUNCH = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    playwright.chromium.launch().close()
"""


def find() -> str | None:
    """The path of a Chromium, Chrome or Edge of this machine; `WORKBOOK_BROWSER` comes first.

    None where there is none: Playwright then uses its own, if that was installed.
    """
    chosen = os.environ.get("WORKBOOK_BROWSER")
    if chosen:
        return shutil.which(chosen)
    on_path = (shutil.which(name) for name in _PROGRAMS)
    in_applications = (path for path in _MACOS if Path(path).exists())
    return next(filter(None, on_path), None) or next(in_applications, None)


def arguments() -> list[str]:
    """Its command-line arguments for a headless run. Root has no sandbox, as in most containers."""
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*_ARGUMENTS, *(["--no-sandbox"] if as_root else [])]


def require(lock: int) -> None:
    """Return when there is a browser, installing one if need be. Raises `SetupError`."""
    chosen = os.environ.get("WORKBOOK_BROWSER")
    if find():
        return
    if chosen:
        raise SetupError(
            f"WORKBOOK_BROWSER={chosen} is no program on this machine. Correct the path, or unset "
            "the variable, and the workbook looks for a browser itself."
        )
    playwrights_own = [VENV_PYTHON, "-c", _LAUNCH]
    if succeeds(playwrights_own, lock):
        return
    say("Getting a browser for the page tests (once) …")
    download = [VENV_PYTHON, "-m", "playwright", "install", "chromium-headless-shell"]
    if succeeds(download, lock) and succeeds(playwrights_own, lock):
        return
    if install_with_apt("chromium-headless-shell", lock) and find():
        return
    raise SetupError(
        "Pages are looked at in a browser, and none could be installed. Install Chrome, or "
        "type  sudo apt install chromium  and then the same command again. "
        "make test-quick  needs no browser."
    )


def get() -> None:
    """Have what drives a browser, and a browser, for the checks of a page. Raises `SetupError`."""
    if importlib.util.find_spec("playwright") and find():
        return
    with one_at_a_time() as lock:
        if importlib.util.find_spec("playwright") is None:
            say("Getting what drives the browser in the checks of the page (once, 50 MB) …")
            pip = [VENV_PYTHON, "-I", "-m", "pip", "install", "--progress-bar", "off"]
            run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)], lock)
            importlib.invalidate_caches()
        require(lock)
