"""The parts of the set-up that a test should not really do: apt, a browser, a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from checkpoints.setup import browser, steps


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(steps, "LOG", tmp_path / "setup.log")
    return tmp_path / "setup.log"


@pytest.fixture
def lock(tmp_path: Path) -> int:
    return os.open(tmp_path / "setup.lock", os.O_CREAT | os.O_CLOEXEC)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH that holds only an apt-get, which notes down what it was asked for."""
    program, notes = tmp_path / "apt-get", tmp_path / "apt.txt"
    program.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND: $*" >> "{notes}"\n')
    program.chmod(0o755)
    notes.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    return notes


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "disk is full"),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate "
            "verify failed: unable to get local issuer certificate'))",
            "PIP_CERT=",
        ),
        ("'NewConnectionError(': Temporary failure in name resolution'))'", "network connection"),
        ("ERROR: something new", "setup.log"),
    ],
)
def test_what_pip_says_becomes_a_sentence(line: str, words: str) -> None:
    assert words in steps.explain(f"Collecting tiny\n{line}\n")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "/lab/.venv cannot be used (Read-only file system)"),
        (errno.EACCES, "folder of your own"),
    ],
)
def test_what_the_system_refuses_becomes_a_sentence(number: int, words: str) -> None:
    error = OSError(number, os.strerror(number), "/lab/.venv")
    assert words in steps.explain_os_error(error)


def test_root_installs_with_apt(apt: Path, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert steps.install_with_apt("python3.11-venv", lock)
    assert apt.read_text() == (
        "noninteractive: update\nnoninteractive: install -y python3.11-venv\n"
    )


def test_nobody_else_does(apt: Path, lock: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not steps.install_with_apt("python3.11-venv", lock)
    assert apt.read_text() == ""


def test_the_browser_of_the_user_comes_first(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("chromium", "mine"):
        program = apt.with_name(name)
        program.write_text("")
        program.chmod(0o755)
    monkeypatch.delenv("WORKBOOK_BROWSER", raising=False)
    assert browser.find() == str(apt.with_name("chromium"))
    monkeypatch.setenv("WORKBOOK_BROWSER", str(apt.with_name("mine")))
    assert browser.find() == str(apt.with_name("mine"))


def test_a_chosen_browser_that_is_not_there_is_named(
    lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBOOK_BROWSER", "/nowhere/browser")
    with pytest.raises(steps.SetupError, match="WORKBOOK_BROWSER=/nowhere/browser is no program"):
        browser.require(lock)


def test_without_any_browser_the_command_to_get_one_is_said(
    apt: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WORKBOOK_BROWSER", raising=False)
    monkeypatch.setattr(browser, "_MACOS", ())
    monkeypatch.setattr(browser, "VENV_PYTHON", "false")
    monkeypatch.setattr(browser, "succeeds", lambda command, lock: False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(steps.SetupError, match="sudo apt install chromium"):
        browser.require(lock)
