"""A process that has imported the SDKs once and forks servers from that state.

Importing takes seconds, a fork milliseconds. `warm.py` starts it with a scrubbed environment, so
that no secret is in the memory which a student's code inherits. It speaks over one Unix socket
(file descriptor in argv): a message carries a spec, with the listening socket and the output; the
answer is the child's pid, and a child's end is reported. When the socket closes, it kills what it
forked, and whatever that has left behind.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress

from checkpoints.engine import linux
from checkpoints.engine.serve import Spec, preload, serve

_FOR_OUR_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    linux.adopt_orphans()
    preload()
    gc.collect()
    gc.freeze()  # the children's collector leaves the shared pages alone
    _say(control, event="ready")
    _loop(control)


def _loop(control: socket.socket) -> None:
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # They reach the whole group, and are for the process that started us: its end is ours.
    for number in _FOR_OUR_PARENT:
        signal.signal(number, signal.SIG_IGN)
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ)
    selector.register(wake_read, selectors.EVENT_READ)
    children: set[int] = set()
    while True:
        for key, _ in selector.select():
            if key.fileobj == wake_read:
                os.read(wake_read, 512)
                _reap(control, children)
                continue
            message, descriptors = _receive(control)
            if not message:
                for pid in children:
                    for kill in (os.kill, os.killpg):  # its group may not be made yet
                        with suppress(ProcessLookupError):
                            kill(pid, signal.SIGKILL)
                linux.end_orphans()
                return
            children.add(_fork(control, selector, message, descriptors))


def _receive(control: socket.socket) -> tuple[str, list[int]]:
    """One line and the descriptors that came with it; an empty line at the end."""
    message, descriptors, _, _ = socket.recv_fds(control, 1 << 20, 2)
    while message and not message.endswith(b"\n"):
        message += control.recv(1 << 20)
    return message.decode(), descriptors


def _fork(
    control: socket.socket, selector: selectors.BaseSelector, spec: str, descriptors: list[int]
) -> int:
    # The child waits until its pid is told: the code that it runs could kill us before.
    told_read, told_write = os.pipe()
    pid = os.fork()
    if pid:
        _say(control, event="forked", pid=pid)
        for descriptor in (*descriptors, told_read, told_write):
            os.close(descriptor)
        return pid
    os.close(told_write)
    os.read(told_read, 1)
    os.close(told_read)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in _FOR_OUR_PARENT:
        signal.signal(number, signal.SIG_DFL)
    selector.close()
    control.close()
    serve(Spec.from_json(spec), *descriptors)
    raise AssertionError("serve() ends the process")


def _reap(control: socket.socket, children: set[int]) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if pid in children:
                children.remove(pid)
                _say(control, event="exit", pid=pid, code=os.waitstatus_to_exitcode(status))
    # Who has lost its parent is ours now: a server that has ended may leave many.
    linux.end_orphans(children)


def _say(control: socket.socket, **fact: object) -> None:
    control.sendall(json.dumps(fact).encode() + b"\n")


if __name__ == "__main__":
    main()
