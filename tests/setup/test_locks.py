"""The lock files: complete, hashed, of one mind, and silent about where packages come from."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.setup.skeleton import ROOT

STUDENT, AUTHOR = "requirements.lock", "tests/requirements.lock"


def pins(name: str) -> dict[str, str]:
    """Package to version, as pinned."""
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", [STUDENT, AUTHOR])
def test_every_pin_has_hashes_and_no_place(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    entries = re.split(r"\n(?! )", text.strip())
    assert len(entries) == len(pins(name))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_both_locks_agree() -> None:
    assert pins(STUDENT).items() <= pins(AUTHOR).items()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    student = [Requirement(line) for line in project["project"]["dependencies"]]
    author = student + [Requirement(line) for line in project["dependency-groups"]["test"]]
    for name, wanted in ((STUDENT, student), (AUTHOR, author)):
        for requirement in wanted:
            version = pins(name).get(requirement.name)
            assert version, f"{requirement.name} is not in {name}: make lock"
            assert version in requirement.specifier, f"{requirement} is not in {name}: make lock"
