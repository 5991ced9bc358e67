"""Copies of the repository for the tests that run the CLI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.clone import Clone, make_clone


@pytest.fixture(scope="session")
def shared_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """One for all tests that only read."""
    return make_clone(tmp_path_factory.mktemp("shared") / "work book")  # spaces happen


@pytest.fixture
def clone(shared_clone: Clone, tmp_path: Path) -> Clone:
    """One of the test's own."""
    return shared_clone.copy(tmp_path / "work book")
