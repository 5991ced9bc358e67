"""Run one step of the set-up at a time, and say in a sentence why one failed.

What pip and the others print is kept in `.workbook/setup.log`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkpoints.bootstrap import ROOT, clean_environment

LOG = Path(ROOT, ".workbook", "setup.log")
_FULL = "The disk is full. Free about 1 GB, then type the same command again."

# Where pip would put the packages somewhere else than into the venv that it runs in.
_PIP_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")

# What to look for in the log, the most telling first.
_CAUSES = (
    (r"No space left on device|Disk quota exceeded", _FULL),
    (
        r"DO NOT MATCH THE HASHES",
        "A package that arrived is not the one that was pinned. A proxy or a package mirror may "
        "have changed it. Do not use it; try again from another network.",
    ),
    (
        r"ProxyError|Tunnel connection failed|407 Proxy",
        "The proxy did not let the packages through. Look at HTTPS_PROXY and at  pip config list,  "
        "then type the same command again.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError|TLS CA certificate",
        "The certificate of the package index was not accepted. On a company network, set "
        "PIP_CERT=/path/to/the/company-ca.pem  and type the same command again.",
    ),
    (
        r"NewConnectionError|Failed to establish|Max retries|Temporary failure in name resolution"
        r"|ConnectTimeout|ReadTimeout|Connection refused|Network is unreachable|RemoteDisconnected"
        r"|ConnectionResetError|IncompleteRead",
        "The package index could not be reached. Look at your network connection, then type the "
        "same command again. The set-up needs the network only this once.",
    ),
)
_NO_WHEEL = re.compile(r"No matching distribution found for (\S+)|(\S+) is not a supported wheel")


class SetupError(Exception):
    """The set-up cannot go on. The text is for the user: what happened and what to type."""


def say(sentence: str) -> None:
    """Tell the user. On stderr: stdout belongs to the command, and a program may read it."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def one_at_a_time() -> Iterator[int]:
    """Hold the lock of the set-up, a file descriptor; the system frees it however we end."""
    LOG.parent.mkdir(exist_ok=True)
    with LOG.with_name("setup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is setting up this folder; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def succeeds(command: list[str], lock: int) -> bool:
    """Run a program with its output in the log; whether it exited with 0.

    The program inherits the lock: should this process be killed, the next `make` waits for the
    program that it left behind.
    """
    environment = clean_environment() | {
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    for name in _PIP_ELSEWHERE:
        environment.pop(name, None)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} $ {' '.join(command)}\n")
        log.flush()
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            pass_fds=[lock],
            check=False,
        )
    return process.returncode == 0


def run(command: list[str], lock: int) -> None:
    """Like `succeeds`, but raises `SetupError` with what the log says about a failure."""
    if not succeeds(command, lock):
        raise SetupError(explain(LOG.read_text(encoding="utf-8", errors="replace")))


def install_with_apt(package: str, lock: int) -> bool:
    """Install a Debian package, only where that needs no sudo: as root, as in CI."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    say(f"Installing the system package {package} …")
    return succeeds([apt, "update"], lock) and succeeds([apt, "install", "-y", package], lock)


def explain(log: str) -> str:
    """The sentence for a step that failed with this log."""
    for pattern, sentence in _CAUSES:
        if re.search(pattern, log):
            return f"{sentence} (The whole story: {LOG})"
    if found := _NO_WHEEL.search(log):
        system, python = os.uname(), f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            f"There is no ready-made package {found[1] or found[2]} for Python {python} on "
            f"{system.sysname} {system.machine}. Type the same command with another Python, for "
            f"example with  PYTHON=python3.12  at its end. (The whole story: {LOG})"
        )
    return (
        f"The set-up failed, and {LOG} has the reason. Type the same command again. If it fails "
        "in the same way, remove the folder .venv and try once more."
    )


def explain_os_error(error: OSError) -> str:
    """The sentence for a file or folder that the set-up could not read or write."""
    name = error.filename or ROOT
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FULL
    if error.errno == errno.ENOENT:
        return f"{name} is missing. Get it back with git, or clone the workbook again."
    return (
        f"{name} cannot be used ({error.strerror}). Clone the workbook into a folder of your own; "
        "or, if it was used with sudo before, remove  .venv  and  .workbook  with sudo once."
    )
