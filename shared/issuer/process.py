"""The identity provider as a process of its own, for as long as somebody needs it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

_ROOT = Path(__file__).parents[2]
_PATIENCE = 3.0  # seconds to end in


class IssuerProcess:
    """`python -m shared.issuer`, started at once. It ends with `close()`, or with this process.

    Its port listens before its imports are done: whoever comes early waits.
    """

    def __init__(self, audience: str, *, port: int = 0) -> None:
        """Start it on this port of 127.0.0.1, or on a free one where the port is taken."""
        with _listen(port) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            number = listening.fileno()
            arguments = ["--fd", str(number), "--audience", audience]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "shared.issuer", *arguments],
                pass_fds=[number],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                start_new_session=True,  # so that Ctrl-C, which goes to the whole group, spares it
            )

    @property
    def ended(self) -> bool:
        """Whether it has come to its end by itself, or was ended by somebody else."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin
        self._process.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))
