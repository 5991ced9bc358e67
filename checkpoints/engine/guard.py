"""What a server process may not do in a check: reach other machines, look into other processes.

It is an audit hook, which Python code cannot take out. What another program does that the code
starts, the hook does not see: who grades strangers' work does it in a container.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}
_ADDRESSES = {"socket.connect", "socket.sendto", "socket.sendmsg"}


def guard(report: Callable[[str], None]) -> None:
    """Set the guard up in this process. `report` is called with each host that is refused."""
    own_names = {"", "localhost", socket.gethostname()}

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            # The process that grades may hold keys in its environment.
            if _is_of_another_process(arguments[0]):
                raise PermissionError(f"a check does not let you read {arguments[0]}")
            return
        host = _host(event, arguments)
        if host is None or host in own_names or _is_local(host):
            return
        report(host)
        raise ConnectionRefusedError(f"no network in a check: {host} was not contacted")

    sys.addaudithook(audit)


def _host(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The host that the event is about; None for other events and for Unix sockets."""
    host = None
    if event in _NAMES:
        host = arguments[0]
    elif event in _ADDRESSES and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    return host.decode() if isinstance(host, bytes) else host


def _is_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _is_of_another_process(file: Any) -> bool:
    if isinstance(file, int):
        return False
    match os.path.realpath(os.fsdecode(file)).split(os.sep):
        case ["", "proc", pid, _, *_] if pid.isdigit():
            return int(pid) != os.getpid()
    return False
