"""One clone is set up for real; the others start from it, because making a venv takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.setup.skeleton import Clone, Result, make_clone


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Result]:
    """A clone after its first command, and what that command said. Not to be changed."""
    clone = make_clone(tmp_path_factory.mktemp("first"))
    return clone, clone.make("lesson-02", "FROM=checkpoint")


@pytest.fixture
def fresh(tmp_path: Path) -> Clone:
    """A clone without a `.venv`."""
    return make_clone(tmp_path)


@pytest.fixture
def clone(fresh: Clone, first_run: tuple[Clone, Result]) -> Clone:
    """A clone that is set up."""
    fresh.adopt_venv(first_run[0], installed=True)
    return fresh


@pytest.fixture
def half_made(fresh: Clone, first_run: tuple[Clone, Result]) -> Clone:
    """A clone whose set-up was stopped before the packages came."""
    fresh.adopt_venv(first_run[0], installed=False)
    return fresh
