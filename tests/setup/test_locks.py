"""The lock files: complete, hashed, of one mind, and silent about where packages come from."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.setup.skeleton import ROOT

STUDENT, AUTHOR = "requirements.lock", "tests/requirements.lock"
POSTGRES, NODE = "checkpoints/setup/postgres.lock", "checkpoints/setup/node.lock"


def pins(name: str) -> dict[str, str]:
    """Package to version, as pinned."""
    text = (ROOT / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", [STUDENT, AUTHOR, POSTGRES, NODE])
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
    postgres = [Requirement(line) for line in project["dependency-groups"]["postgres"]]
    assert pins(POSTGRES).keys() == {requirement.name for requirement in postgres}
    [node] = [Requirement(line) for line in project["dependency-groups"]["node"]]
    assert pins(NODE)[node.name] in node.specifier
    for name, wanted in ((STUDENT, student), (AUTHOR, author)):
        for requirement in wanted:
            version = pins(name).get(requirement.name)
            assert version, f"{requirement.name} is not in {name}: make lock"
            assert version in requirement.specifier, f"{requirement} is not in {name}: make lock"


@pytest.mark.parametrize("folder", ["app/page", "page_tests", "next"])
def test_npms_locks_have_hashes_and_no_addresses(folder: str) -> None:
    folder = f"checkpoints/L07/{folder}"
    text = (ROOT / folder / "package-lock.json").read_text()
    assert "://" not in text, "npm notes where to send money: take out what is called funding"
    lock = json.loads(text)
    project = json.loads((ROOT / folder / "package.json").read_text())
    itself, *packages = lock["packages"].values()
    for group in ("dependencies", "devDependencies"):
        wanted = project.get(group)
        assert itself.get(group) == wanted, "type: npm install --package-lock-only"
    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages)
    assert not [one for one in packages if "resolved" in one]
