"""The page while its lesson runs: built anew after each save, and shown at once by Vite.

Both take seconds, and the server must not wait for them: they go on in a thread, and what came of
them is printed when the lesson's loop looks.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from checkpoints import page
from checkpoints.lesson import ROOT
from checkpoints.setup import node

_SERVE = Path(__file__).parent / "vite" / "serve.mjs"
_PORTS_UP = 1000  # from the server's port to Vite's
_MOST_ERRORS = 5  # of TypeScript: more are the same one again


class LivePage:
    """The page of one work, served by the lesson's server on `port`."""

    def __init__(self, app: Path, port: int, console: Console) -> None:
        self._app = app
        self._folder = app / "page"
        self._port = port
        self._console = console
        self._said = queue.SimpleQueue[tuple[str, str]]()  # a sentence and its style
        self._worker = ThreadPoolExecutor(1)
        self._vite: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Build what has to be built before somebody looks, and start Vite behind their back."""
        self._build()
        self.look()
        if node.find():
            self._worker.submit(self._caught, self._start_vite)

    def take(self, saved: Collection[Path]) -> set[Path]:
        """Look after what is the page's among these files. Returns the others."""
        others = {file for file in saved if not file.is_relative_to(self._folder)}
        # `make reset` puts another folder in the place of the work's.
        if self._app in others or any(page.is_source(self._app, file) for file in saved):
            self._worker.submit(self._caught, self._build_again)
        return others

    def look(self) -> None:
        """Print what there is to say."""
        with suppress(queue.Empty):
            while True:
                sentence, style = self._said.get_nowait()
                self._console.print(sentence, style=style, soft_wrap=True)

    def _caught(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # nobody asks the thread how it ended
            self._say(f"The page: {error}", "red")

    def _say(self, sentence: str, style: str = "") -> None:
        self._said.put((sentence, style))

    def _build(self) -> bool:
        """Build, and say what hinders it. Returns whether the page is that of the sources now."""
        there = (self._folder / "dist" / "index.html").exists()
        instead = (
            " Until then /app/ shows an older page, without your last changes." if there else ""
        )
        try:
            page.put_beside(self._app)
        except page.PageError as error:
            self._say(f"The page cannot be built. {error}", "red")
            self._say(f"Mend it and save: it will be built again.{instead}")
        except page.NoPackages as error:
            self._say(f"{error}{instead}", "red")
        else:
            return True
        return False

    def _build_again(self) -> None:
        if self._build():
            self._say("Saved, and the page is built again.")
            self._check_types()

    def _check_types(self) -> None:
        errors = page.type_errors(self._app)
        for error in errors[:_MOST_ERRORS]:
            self._say(f"TypeScript: {error}", "yellow")
        if len(errors) > _MOST_ERRORS:
            self._say(f"TypeScript: and {len(errors) - _MOST_ERRORS} more.", "yellow")

    def _start_vite(self) -> None:
        if not self._app.is_relative_to(ROOT):
            return  # its imports would not find the packages; it is built after each save
        try:
            packages = page.packages()
        except page.NoPackages as error:
            self._say(f"No hot reload. {error}")
            return
        node.link(packages)
        found = node.find()
        assert found is not None, "begin() has looked"
        port = self._port + _PORTS_UP
        task = {
            "root": str(self._folder.resolve()),
            "config": str(packages / "vite.config.ts"),
            "packages": str(packages),
            "port": port if port < 65536 else 0,
        }
        self._vite = subprocess.Popen(
            [found.node, str(_SERVE), json.dumps(task)],
            cwd=packages,
            env={**os.environ, "CHATKIT_SERVER": f"http://127.0.0.1:{self._port}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=sys.stderr.fileno(),
            text=True,
            start_new_session=True,  # so that Ctrl-C, which goes to the whole group, spares it
        )
        assert self._vite.stdout
        try:
            address = json.loads(self._vite.stdout.readline())["url"]
        except ValueError:
            self._say("No hot reload: Vite did not start. What it said stands above.", "red")
            return
        self._say(f"  With hot reload, the page is at {address}")
        self._check_types()

    def close(self) -> None:
        """End Vite, and let go of what is still being built."""
        if self._vite:
            self._vite.kill()
            self._vite.wait()
        self._worker.shutdown(wait=False, cancel_futures=True)
