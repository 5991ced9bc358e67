"""The Postgres of the tests: one server for all, which starts when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from checkpoints import postgres as local
from checkpoints.cluster import Cluster, Urls
from checkpoints.setup import postgres as programs


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running server."""
    if programs.find() is None and not os.environ.get("CI"):
        pytest.skip(f"There is no Postgres on this machine: {programs.how_to_install()}")
    with local.temporary() as cluster:
        yield cluster


@pytest.fixture
def postgres(cluster: Cluster) -> Iterator[Urls]:
    """A new database of the test's own."""
    urls = cluster.create_database()
    yield urls
    cluster.drop_database(urls.name)
