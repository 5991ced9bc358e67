"""The two databases that checkpoint 6 runs on, for tests that run on both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from shared.database import AnyDatabase, Database
from shared.postgres import PostgresDatabase

DATABASES = ("SQLite", "Postgres")


class Place(NamedTuple):
    """Where an empty database is: the variables for a server, and a way to open it."""

    environment: dict[str, str]
    open: Callable[[Path], AnyDatabase]
    """Of SQLite, the file is given."""


def place(name: str, request: pytest.FixtureRequest) -> Place:
    """One of DATABASES. Whoever has no Postgres skips it there; in CI that is an error."""
    if name == "SQLite":
        return Place({}, Database)
    cluster = request.getfixturevalue("cluster")
    urls = cluster.create_database()
    request.addfinalizer(lambda: cluster.drop_database(urls.name))
    environment = {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner}
    return Place(environment, lambda file: PostgresDatabase(urls.app, urls.owner))
