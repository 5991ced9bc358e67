"""`python -m shared.issuer`: serve the identity provider on this machine."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
import threading
from contextlib import suppress

import uvicorn

from shared.issuer import Issuer
from shared.issuer.service import create_app

_REASONS = {
    errno.EADDRINUSE: "is taken: another program listens there",
    errno.EACCES: "is not for everybody: the system keeps the low ones for itself",
}


def main() -> int:
    """Serve until Ctrl-C. Returns the exit status."""
    arguments = _parser().parse_args()
    if arguments.fd is not None:
        listening = socket.socket(fileno=arguments.fd)
        threading.Thread(target=_end_with_parent, daemon=True).start()
    else:
        try:
            listening = socket.create_server(("127.0.0.1", arguments.port))
        except (OSError, OverflowError) as error:
            reason = _REASONS.get(getattr(error, "errno", 0), "cannot be used")
            print(
                f"Port {arguments.port} {reason}. Choose another one, as in: "
                "python -m shared.issuer --port 8206",
                file=sys.stderr,
            )
            return 2
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    if arguments.fd is None:
        print(f"The identity provider is at {url}/. Ctrl-C stops it.", flush=True)
    app = create_app(Issuer(url, arguments.audience))
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m shared.issuer",
        description="A small identity provider for learning, on this machine only.",
    )
    parser.add_argument(
        "--port", type=int, default=8106, help="default: %(default)s; 0: a free one"
    )
    parser.add_argument(
        "--audience", default="task-manager", help="whom tokens are meant for (%(default)s)"
    )
    parser.add_argument(
        "--fd", type=int, help="for a parent process: serve on this open socket until stdin ends"
    )
    return parser


def _end_with_parent() -> None:
    """End when stdin does: whoever held its other end is gone, however that came about."""
    while os.read(0, 512):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
