"""The servers that are compared, each in a process of its own on a free port of this machine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from checkpoints.engine.linux import end_with_parent
from checkpoints.engine.serve import Spec
from checkpoints.engine.warm import ROOT, make_starter, scrubbed_environment
from tests.bench.figure import BenchError
from tests.bench.load import Crowd, Seen

CHECKPOINT = ROOT / "checkpoints" / "L02"

# Levers outside of the SDK, and what a server's main.py has to begin with to do without them.
SERVER_LEVERS = {
    "uvloop": "import sys\nsys.modules['uvloop'] = None\n",
    "httptools": "import uvicorn.protocols.http.auto as auto\n"
    "from uvicorn.protocols.http.h11_impl import H11Protocol\n"
    "auto.AutoHTTPProtocol = H11Protocol\n",
    "freeze": "import gc\ngc.unfreeze()\n",
}


@dataclass(frozen=True)
class Served:
    """A running server."""

    port: int
    pid: int
    log: Path  # what it prints

    def cpu_seconds(self) -> float | None:
        """The processor time it has used so far, or None where the system does not tell."""
        stat = Path(f"/proc/{self.pid}/stat")
        try:
            if stat.exists():
                fields = stat.read_text().rpartition(")")[2].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            said = subprocess.check_output(["ps", "-o", "time=", "-p", str(self.pid)], text=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return seconds(said.strip())


class Servers:
    """Starts servers and ends them. `without` names levers that ours do without."""

    def __init__(self, without: Sequence[str] = ()) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="workbook-bench-"))
        self._without = without
        self._starter = make_starter()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._sockets: list[socket.socket] = []

    def ours(self, words_per_second: float) -> Served:
        """Lesson 2's checkpoint, served as `make lesson-02` serves it."""
        folder, listening = self._new()
        work = folder / "work"
        shutil.copytree(CHECKPOINT / "app", work / "app")
        main = work / "app" / "main.py"
        left_out = [SERVER_LEVERS[name] for name in self._without if name in SERVER_LEVERS]
        main.write_text("".join([*left_out, main.read_text()]))
        environment = self._environment(folder, words_per_second)
        environment["CHATKIT_WITHOUT"] = ",".join(set(self._without) - set(SERVER_LEVERS))
        spec = Spec(folder=str(work), run_folder=str(folder), environment=environment)
        with (folder / "log").open("wb") as log:
            process = self._starter.start(spec, listening, log.fileno())
        return Served(listening.getsockname()[1], process.pid, folder / "log")

    def naive(self, words_per_second: float) -> Served:
        """`naive.py`, on uvicorn with asyncio and h11."""
        return self._uvicorn(
            words_per_second,
            *("tests.bench.naive:make_app", "--factory", "--app-dir", str(CHECKPOINT)),
            *("--loop", "asyncio", "--http", "h11"),
        )

    def bare(self) -> Served:
        """`bare.py`, on uvicorn with the best that it finds."""
        return self._uvicorn(0, "tests.bench.bare:app")

    def _uvicorn(self, words_per_second: float, *arguments: str) -> Served:
        folder, listening = self._new()
        arguments += ("--log-level", "warning", "--fd", str(listening.fileno()))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", *arguments],
                pass_fds=[listening.fileno()],
                cwd=ROOT,
                env=self._environment(folder, words_per_second),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=end_with_parent,
            )
        self._processes.append(process)
        return Served(listening.getsockname()[1], process.pid, folder / "log")

    def _new(self) -> tuple[Path, socket.socket]:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._sockets.append(listening)
        return folder, listening

    def _environment(self, folder: Path, words_per_second: float) -> dict[str, str]:
        return {
            **scrubbed_environment(),
            "CHATKIT_MODEL": "offline",
            "CHATKIT_PACE": str(words_per_second),
            "CHATKIT_DATABASE": str(folder / "chatkit.db"),
        }

    def close(self) -> None:
        """End every server and remove what they wrote."""
        for process in self._processes:
            process.kill()
            process.wait()
        self._starter.close()
        for listening in self._sockets:
            listening.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class People:
    """The process that plays the people (see `load.py`)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load"],
            cwd=ROOT,
            env=scrubbed_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, server: Served, text: str, *, people: int = 1, times: int = 1) -> Seen:
        """Let so many people ask at the same time, `times` times over. Raises BenchError."""
        crowd = Crowd(server.port, text, people, times)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(crowd)) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "problem" in answer:
            log = server.log.read_text(errors="replace").strip() or "It printed nothing."
            raise BenchError(f"A server could not be measured: {answer['problem']}.\n{log}")
        return Seen(**answer)

    def close(self) -> None:
        """Send them home."""
        self._process.kill()
        self._process.wait()


def seconds(text: str) -> float:
    """What `ps` calls a time, such as `1-02:03:04` or `3:04.50`, in seconds."""
    days, _, rest = text.rpartition("-")
    total = 0.0
    for part in rest.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)
