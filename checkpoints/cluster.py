"""A Postgres server of our own on this machine: its data, its roles, its beginning and its end.

It listens on 127.0.0.1 only, and everybody needs a password there. Three roles are in it:

    chatkit_owner        owns the tables
    chatkit_app          may read and write them, as far as the policies let it
    chatkit_maintenance  is held by no policy; nobody signs in as it, the owner may take it on

Postgres refuses to run as root. There it runs as the system's user `postgres`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from checkpoints.engine.linux import end_with_parent
from checkpoints.postgres_programs import ClusterError, Programs, environment, last_line

_ADMINISTRATOR, _OWNER, _APP = "postgres", "chatkit_owner", "chatkit_app"
_MAINTENANCE = "chatkit_maintenance"
_PATIENCE = 30.0  # seconds for the server to begin and to end

# Who may connect, and how: nobody without a password, and only from this machine.
_HBA = "host all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True)
class Urls:
    """A database: for `DATABASE_URL`, and for `DATABASE_OWNER_URL`."""

    app: str
    owner: str

    @property
    def name(self) -> str:
        """The database's name."""
        return self.app.rpartition("/")[2]


class Cluster:
    """A server that runs while the block does, with its data in `folder`, made if need be.

    `port`: None takes any that is free. `durable`: False is faster, and a power cut costs all data.
    Start it in a thread that lasts as long: on Linux it ends with that thread, however that ends.

    Its methods raise ClusterError.
    """

    def __init__(self, folder: Path, port: int | None = None, *, durable: bool = True) -> None:
        self.folder = folder.absolute()
        self.port = port or _free_port()
        self._durable = durable
        self._programs = Programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._passwords: dict[str, str] = {}

    @property
    def data(self) -> Path:
        """Where Postgres keeps its files. It belongs to whom Postgres runs as."""
        return self.folder / "data"

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Make the data where there is none, and return when the server takes connections.

        Where it runs already, in another process, that one is used, and `stop()` leaves it alone.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # of two who start it at once
            if not self._secrets.exists():
                self._make()
            self._passwords = json.loads(self._secrets.read_text())
            if port := self._port_of_running():
                self.port = port
            else:
                self._launch()

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "logging_collector": "off",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs.folder / "postgres", "-D", self.data),
                    *(word for name in settings for word in ("-c", f"{name}={settings[name]}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_settle_in,
                **self._programs.settings(self.data),
            )
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server. What is connected is cut off."""
        process, self._process = self._process, None
        if process is None:
            return
        # At once where the data need not last; else with everything written down.
        process.send_signal(signal.SIGINT if self._durable else signal.SIGQUIT)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def create_database(self, name: str | None = None) -> Urls:
        """Return the URLs of a new, empty database. Without a name it gets one of its own."""
        name = name or f"chatkit_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {_identifier(name)} OWNER {_OWNER}")
        return self.urls(name)

    def drop_database(self, name: str) -> None:
        """Remove the database, whoever is connected to it."""
        self.execute(f"DROP DATABASE {_identifier(name)} WITH (FORCE)")

    def urls(self, name: str) -> Urls:
        """The URLs of a database."""
        app, owner = (
            f"postgresql://{user}:{self._passwords[user]}@127.0.0.1:{self.port}/{name}"
            for user in (_APP, _OWNER)
        )
        return Urls(app, owner)

    def execute(self, sql: str, database: str = "postgres") -> str:
        """Execute SQL as the administrator, with psql. Returns what it printed."""
        done = subprocess.run(
            [
                *(self._programs.folder / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1"),
                *("-h", "127.0.0.1", "-p", str(self.port), "-U", _ADMINISTRATOR),
                *("-d", database, "-c", sql),
            ],
            env={**environment(), "PGPASSWORD": self._passwords[_ADMINISTRATOR]},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise ClusterError(f"Postgres refused: {done.stderr.strip()}")
        return done.stdout.strip()

    @property
    def _secrets(self) -> Path:
        return self.folder / "passwords.json"

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    def _make(self) -> None:
        """Make the data and the roles. What a stopped attempt left is made anew."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        self._programs.own(self.data)
        self._programs.run(
            self.data,
            *("initdb", "-D", str(self.data), "-U", _ADMINISTRATOR),
            *("--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync"),
        )
        (self.data / "pg_hba.conf").write_text(_HBA)
        passwords = {name: secrets.token_urlsafe(24) for name in (_ADMINISTRATOR, _OWNER, _APP)}
        # The server has never run; nobody else can be connected.
        self._programs.run(
            self.data,
            *("postgres", "--single", "-j", "-D", str(self.data), "postgres"),
            script=";\n\n".join(
                [
                    f"ALTER ROLE {_ADMINISTRATOR} PASSWORD '{passwords[_ADMINISTRATOR]}'",
                    f"CREATE ROLE {_OWNER} LOGIN PASSWORD '{passwords[_OWNER]}'",
                    f"CREATE ROLE {_APP} LOGIN PASSWORD '{passwords[_APP]}'",
                    f"CREATE ROLE {_MAINTENANCE} NOLOGIN BYPASSRLS",
                    f"GRANT {_MAINTENANCE} TO {_OWNER}",
                    "",
                ]
            ),
        )
        draft = self._secrets.with_suffix(".new")
        with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            json.dump(passwords, file)
        draft.replace(self._secrets)  # last: who finds them finds everything

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        give_up = time.monotonic() + _PATIENCE
        while not self._is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > give_up:
                words = self._log.read_text(errors="replace")
                if "Address already in use" in words:
                    raise ClusterError(
                        f"Another program listens on port {self.port}. Stop that one first."
                    )
                raise ClusterError(f"Postgres did not start: {last_line(words)}")
            time.sleep(0.005)

    def _port_of_running(self) -> int | None:
        """The port of the server that has this data in use, if one has."""
        with suppress(OSError, IndexError):
            pid, port = self._note()
            os.kill(pid, 0)
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return port
        return None

    def _is_ready(self, pid: int) -> bool:
        with suppress(OSError, IndexError):
            return self._note() == (pid, self.port)
        return False

    def _note(self) -> tuple[int, int]:
        """The process and the port that the server notes down once it is ready.

        Raises OSError or IndexError as long as it is not.
        """
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        if lines[7].strip() != "ready":
            raise IndexError
        return int(lines[0]), int(lines[3])


def _settle_in() -> None:
    """In Postgres's process, before it begins: Ctrl-C is ours, and it ends when we do."""
    os.setpgrp()
    end_with_parent()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _identifier(name: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        raise ValueError(f"{name!r} is no plain name for a database.")
    return name


__all__ = ["Cluster", "ClusterError", "Urls"]
