"""Postgres for a check: a server of its own, begun when the first check asks for it, and gone at the
end of the run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from checkpoints.cluster import Cluster, ClusterError
from checkpoints.engine.verdict import NotJudged
from checkpoints.postgres import temporary
from checkpoints.setup import postgres as programs


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The server for all checks of this run. Without one on this machine they are not judged."""
    if programs.find() is None:
        raise NotJudged(
            f"It needs Postgres, and there is none on this machine. Type  {programs.how_to_install()}"
        )
    try:
        with temporary() as running:
            yield running
    except ClusterError as error:
        raise NotJudged(str(error)) from None


__all__ = ["cluster"]
