"""What `make doctor` finds, and what it keeps to itself."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from checkpoints import bootstrap, doctor
from checkpoints.doctor import Finding, diagnose


def find(name: str) -> Finding:
    [finding] = [finding for finding in diagnose() if finding.name == name]
    return finding


def test_every_finding_is_a_sentence_and_every_fault_has_a_remedy() -> None:
    findings = diagnose()
    assert len({finding.name for finding in findings}) == len(findings)
    assert all(finding.detail for finding in findings)
    assert all(finding.remedy for finding in findings if finding.ok is False)


def test_a_port_that_is_taken_is_named_with_its_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(doctor, "PORTS", range(port, port + 1))
        taken = find("Ports")
        assert taken.ok is None
        assert f"{port} is taken by" in taken.detail
        if shutil.which("lsof") or shutil.which("ss"):
            assert f"(process {os.getpid()})" in taken.detail
    assert find("Ports").ok is True


def test_a_package_at_another_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements.lock").write_text(
        "pytest==1.0 \\\n    --hash=sha256:00\n"
        "never-heard-of==2.0 \\\n    --hash=sha256:00\n"
        "only-elsewhere==3.0 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n"
    )
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    packages = find("Packages")
    assert packages.ok is False
    assert "instead of ==1.0" in packages.detail
    assert "never-heard-of is not installed" in packages.detail
    assert "only-elsewhere" not in packages.detail


def test_a_set_up_that_is_out_of_date_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "ready", lambda level: False)
    student, author = find("Set-up for a student"), find("Set-up for make test")
    assert student.ok is False
    assert author.ok is None


def test_a_setting_that_cannot_be_used_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATKIT_PACE", "fast")
    model = find("Model")
    assert model.ok is False
    assert "CHATKIT_PACE=fast" in model.detail


def test_no_secret_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, "scheme://user:hunter2@host/name")
    monkeypatch.delenv("CHATKIT_MODEL", raising=False)
    findings = diagnose()
    assert "hunter2" not in repr(findings)
    assert find("DATABASE_URL").ok is True
    assert "OPENAI_BASE_URL" in find("Model").detail


def test_what_later_lessons_need_is_not_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(doctor, "_LATER", [("Node", ("node",), 7, "nodejs", "node")])
    node = find("Node")
    assert node.ok is None
    assert node.detail == "For lesson 7; not needed yet."
    assert "install node" in (node.remedy or "")
