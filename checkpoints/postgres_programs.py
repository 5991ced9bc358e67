"""Postgres's programs as they are run here: never as root, and without the user's own settings."""

from __future__ import annotations

import os
import pwd
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from checkpoints.setup import postgres
from checkpoints.setup.steps import SetupError

_RUNS_AS = ("postgres", "nobody")  # whoever of these is there, where we are root


class ClusterError(Exception):
    """Postgres cannot run. The text says why, and what to do."""


class Programs:
    """The programs of this machine, which are installed if need be. Raises ClusterError."""

    def __init__(self) -> None:
        try:
            self.folder = postgres.get()
        except SetupError as error:
            raise ClusterError(str(error)) from None
        self.user = _runs_as()

    def settings(self, folder: Path) -> dict[str, Any]:
        """For `subprocess`: as whom a program that keeps its data in `folder` is run, and how."""
        settings: dict[str, Any] = {"cwd": folder, "env": environment()}
        if self.user is not None:
            settings |= {
                "user": self.user.pw_uid,
                "group": self.user.pw_gid,
                "extra_groups": [],
            }
        return settings

    def own(self, folder: Path) -> None:
        """Make the folder theirs, where we are root."""
        if self.user is not None:
            os.chown(folder, self.user.pw_uid, self.user.pw_gid)

    def run(self, folder: Path, program: str, *arguments: str, script: str = "") -> None:
        """Run a program on the data in `folder` to its end. Raises ClusterError."""
        done = subprocess.run(
            [self.folder / program, *arguments],
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self.settings(folder),
        )
        if self.user is not None and "Permission denied" in done.stdout:
            raise ClusterError(
                f"Postgres refuses to run as root, so it runs as the user {self.user.pw_name}, who "
                f"may not enter {folder}. Put the workbook where everybody may look, such as /srv, "
                "or work as a user who is not root."
            )
        # Single-user mode goes on after a statement that failed, and exits with 0.
        if done.returncode or "ERROR:" in done.stdout:
            raise ClusterError(f"{program} failed: {last_line(done.stdout)}")


def _runs_as() -> pwd.struct_passwd | None:
    """Whom Postgres runs as; None where that is us."""
    if os.geteuid() != 0:
        return None
    for name in _RUNS_AS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise ClusterError(
        "Postgres refuses to run as root, and there is no user postgres. Work as a user who is not "
        "root."
    )


def environment() -> dict[str, str]:
    """Nothing of the user's own settings for Postgres, and messages in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C"}


def last_line(words: str) -> str:
    """The line that tells most: the last one that is an error, or the last of all."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    errors = [line for line in lines if "FATAL:" in line or "ERROR:" in line]
    return (errors or lines or ["it said nothing"])[-1]
