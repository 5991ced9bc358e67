"""`make postgres`, and the Postgres of the checks and the tests."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from checkpoints.cluster import Cluster, ClusterError, Urls

PORT = 5406
DATABASE = "chatkit"


@contextmanager
def temporary() -> Iterator[Cluster]:
    """A server in a temporary folder, for as long as the block runs. Raises ClusterError."""
    with tempfile.TemporaryDirectory(prefix="workbook-postgres-") as folder:
        os.chmod(folder, 0o755)  # for whom Postgres runs as
        with Cluster(Path(folder), durable=False) as cluster:
            yield cluster


@contextmanager
def lasting(folder: Path, port: int | None = PORT) -> Iterator[Urls]:
    """The database that is kept in `folder`, for as long as the block runs.

    Where `make postgres` runs in another window it is that one. Raises ClusterError.
    """
    with Cluster(folder, port) as cluster:
        if not cluster.execute(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"):
            cluster.create_database(DATABASE)
        yield cluster.urls(DATABASE)


def run(folder: Path, console: Console) -> None:
    """`make postgres`: serve the database in `folder` until Ctrl-C. Raises ClusterError."""
    with lasting(folder) as urls:
        console.print("Postgres for lesson 6. In the window of the server:\n", style="bold")
        console.print(f"export DATABASE_URL={urls.app}", soft_wrap=True)
        console.print(f"export DATABASE_OWNER_URL={urls.owner}\n", soft_wrap=True)
        console.print(f"Its data is in {folder} and lasts. Ctrl-C stops.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            console.print("\nStopped.")


__all__ = ["Cluster", "ClusterError", "Urls", "lasting", "run", "temporary"]
