"""The inside of the process in which a student's tests run: pytest, once for each server.

`student_tests.py` starts it (`python -m checkpoints.engine.student_pytest NUMBER`) with a spec on its
standard input, and reads the facts that it writes to the file descriptor NUMBER, a JSON object a line.
Nothing in here knows which server is a right one. So nothing is gained by what a test could do to
pytest, to this module, or to the facts.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from checkpoints.engine.guard import guard
from checkpoints.engine.linux import end_with_parent

CPU_SECONDS = 60  # for all servers together
_MEMORY = 2 << 30  # bytes of address space
_FILE = 10 << 20  # bytes in one file, and so of facts
_LONGEST = 400  # characters of a failure that are told
_ENDING_OTHERS = {"os.kill", "os.killpg"}
_STARTING_OTHERS = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "os.forkpty", "pty.spawn", "ctypes.dlopen", "ctypes.dlsym",
}  # fmt: skip
_LOOKING = {"open", "os.listdir", "os.scandir", "sqlite3.connect"}


@dataclass(frozen=True)
class Spec:
    """What to run, and on which servers."""

    file: str  # of the tests; its folder is theirs
    servers: list[str]  # the addresses of their endpoints, in the order in which they come
    issuer: str  # signs tokens at /sign
    hidden: list[str]  # folders that no test may look into: the servers' own

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        return cls(**json.loads(text))


class Plugin:
    """Gives the tests their two fixtures, and notes what becomes of them on one server."""

    def __init__(self, spec: Spec, number: int, say: Callable[..., None]) -> None:
        self._url = spec.servers[number]
        self._issuer = spec.issuer
        self._say = say

    @pytest.fixture(scope="session")
    def url(self) -> str:
        """The address of a server's ChatKit endpoint."""
        return self._url

    @pytest.fixture(scope="session")
    def token(self) -> Callable[..., str]:
        """Signs a token by the issuer that the server believes."""

        def sign(user: str, *, lifetime: float = 3600, **claims: Any) -> str:
            """`lifetime`: seconds from now. `claims` replace others; None leaves one out."""
            asked = {"user": user, "lifetime": lifetime, "claims": claims}
            body = json.dumps(asked, default=_as_number).encode()
            with urllib.request.urlopen(f"{self._issuer}/sign", body, timeout=10) as answer:
                return str(json.load(answer)["access_token"])

        return sign

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._say(broken=_told(report.longrepr))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._say(test=_name(nodeid), outcome="began")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = _name(report.nodeid)
        if report.outcome == "failed":
            self._say(test=name, outcome="failed", why=_told(report.longrepr), line=_line(report))
        elif report.when == "call" or report.outcome == "skipped":
            self._say(test=name, outcome=report.outcome)


def _as_number(value: Any) -> float:
    """A time in a claim, as tokens write it."""
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"a claim cannot be {value!r}")


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _line(report: pytest.TestReport) -> int | None:
    """The line of the tests' file at which it failed, as far as it was there."""
    crash = getattr(report.longrepr, "reprcrash", None)
    named = Path(report.location[0]).name
    if crash is not None and Path(crash.path).name == named:
        return int(crash.lineno)
    for entry in getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", []):
        place = getattr(entry, "reprfileloc", None)
        if place is not None and Path(place.path).name == named:
            return int(place.lineno)
    return None


def _told(longrepr: Any) -> str:
    """What went wrong, in the words of pytest, as short as it goes."""
    crash = getattr(longrepr, "reprcrash", None)
    text = getattr(longrepr, "errorstring", None) or (crash.message if crash else str(longrepr))
    lines = [line.strip() for line in str(text).strip().splitlines() if line.strip()]
    # While a file is read, the error stands below the lines that lead to it, marked with an E.
    marked = [] if crash else [line[1:].strip() for line in lines if line.startswith("E ")]
    shown = [line for line in lines[:3] if not line.startswith("+")]  # whence each value came
    told = " ".join(marked[-1:] or shown)
    return told.replace(f"{os.getcwd()}{os.sep}", "")[:_LONGEST]


def _settle_in(spec: Spec) -> None:
    """Set the bounds. What is refused here shall not happen by accident; it is no prison."""
    end_with_parent()
    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _FILE),
    ):
        with suppress(ValueError, OSError):  # not every platform knows each
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))
    folder = os.path.dirname(spec.file)
    os.chdir(folder)
    sys.dont_write_bytecode = True
    guard(lambda host: None)
    hidden = tuple(os.path.realpath(one) + os.sep for one in spec.hidden)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTING_OTHERS:
            raise PermissionError("a test starts no other program here")
        if event in _ENDING_OTHERS and arguments[0] != os.getpid():
            raise PermissionError("a test ends no other process here")
        if event in _LOOKING and isinstance(arguments[0], str | bytes | os.PathLike):
            place = os.path.realpath(os.fsdecode(arguments[0])) + os.sep
            if place.startswith(hidden):
                raise PermissionError("a test attacks a server from outside, and not its files")

    sys.addaudithook(audit)


def _run(spec: Spec, number: int, say: Callable[..., None]) -> None:
    """Run the tests on one server, up to the first that fails."""
    folder = os.path.dirname(spec.file)
    for name, module in list(sys.modules.items()):  # what a module remembers is of another server
        if str(getattr(module, "__file__", "")).startswith(folder + os.sep):
            del sys.modules[name]
    code = pytest.main(
        [
            spec.file,
            f"--rootdir={folder}",
            f"--config-file={os.devnull}",
            f"--confcutdir={folder}",
            "--capture=sys",
            "--maxfail=1",
            "--override-ini=asyncio_mode=auto",
            "-ppytest_asyncio.plugin",
            "-pno:terminal",
            "-pno:warnings",
            "-pno:cacheprovider",
            "-pno:unraisableexception",
            "-pno:threadexception",
        ],
        plugins=[Plugin(spec, number, say)],
    )
    say(ended=int(code))


def main() -> None:
    """Run the tests on all servers, and tell what happened."""
    facts = int(sys.argv[1])
    spec = Spec.from_json(sys.stdin.read())
    _settle_in(spec)
    for number in range(len(spec.servers)):

        def say(server: int = number, **fact: Any) -> None:
            os.write(facts, json.dumps({"server": server, **fact}).encode() + b"\n")

        say(begins=True)
        _run(spec, number, say)
    os._exit(0)  # no exit handlers, no waiting for stray threads


if __name__ == "__main__":
    main()
