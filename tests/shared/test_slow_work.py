"""The project's documents, the probe, and the audit trail."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from shared import audit, probe
from shared.settings import get_settings
from shared.task_manager import analyse, project_documents


@pytest.fixture
def probed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "probe.jsonl"
    monkeypatch.setenv(probe.VARIABLE, str(file))
    return file


def phases(file: Path) -> list[str]:
    return [json.loads(line)["phase"] for line in file.read_text().splitlines()]


async def test_an_analysis_finds_the_open_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATKIT_ANALYSIS", "0")
    get_settings.cache_clear()
    documents = project_documents()
    assert len(documents) == 50
    assert len({document.title for document in documents}) == 50
    found = [await analyse(document) for document in documents]
    assert [week for week, points in enumerate(found, start=1) if points] == [*range(7, 51, 7)]
    get_settings.cache_clear()


async def test_the_probe_tells_what_was_analysed_and_what_was_stopped(
    probed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATKIT_ANALYSIS", "0")
    get_settings.cache_clear()
    document = project_documents()[0]
    await analyse(document)
    monkeypatch.setenv("CHATKIT_ANALYSIS", "100000")
    get_settings.cache_clear()
    running = asyncio.create_task(analyse(document))
    await asyncio.sleep(0)  # it starts, and waits
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert phases(probed) == ["started", "ended", "started", "cancelled"]
    get_settings.cache_clear()


def test_without_its_variable_the_probe_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(probe.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    probe.report("anything", "started")
    assert not list(tmp_path.iterdir())


def test_the_audit_trail_lies_beside_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATKIT_DATABASE", str(tmp_path / "mine.db"))
    get_settings.cache_clear()
    audit.record("created", "thr_1", "alice")
    audit.record("expired", "thr_1", "alice")
    lines = (tmp_path / "mine.audit.jsonl").read_text().splitlines()
    first, second = map(json.loads, lines)
    assert (first["event"], second["event"]) == ("created", "expired")
    assert first["session"] == "thr_1"
    assert first["user"] == "alice"
    assert first["at"].endswith("Z")
    get_settings.cache_clear()
