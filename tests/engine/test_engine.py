"""Whatever a student hands in, the judge lives on and says one clear thing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine.clone import Clone, Result, finish, survivors
from tests.engine.hostile import FRESH, SLOW, WORKS

pytestmark = pytest.mark.slow

Report = dict[str, Any]
Snapshot = dict[str, tuple[int, int, bytes]]

SECRETS = {
    "FAKE_SECRET": "hush-hush-hush",
    "OPENAI_API_KEY": "sk-real-and-expensive",
    "DATABASE_URL": "postgres://me:password@db",
}
SEED = "4711"


@dataclass
class Run:
    """A group of works, graded in one process."""

    names: tuple[str, ...]
    folder: Path  # CLASS
    notes: Path
    temporary: Path  # TMPDIR
    before: Snapshot
    process: subprocess.Popen[str]
    result: Result | None = None

    def end(self) -> Result:
        self.result = self.result or finish(self.process)
        return self.result

    def report(self, name: str) -> Report:
        found: list[Report] = json.loads(self.end().out)
        return next(one for one in found if one["submission"] == name)


def snapshot(folder: Path) -> Snapshot:
    """Every file and folder: mode, time of the last change, content or target."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        content = b""
        if path.is_symlink():
            content = os.fsencode(os.readlink(path))
        elif path.is_file():
            content = path.read_bytes()
        found[str(path)] = (status.st_mode, status.st_mtime_ns, content)
    return found


def start(clone: Clone, names: tuple[str, ...], place: Path, **environment: str) -> Run:
    """Lay the works out as the clones of a class, and begin to grade them."""
    folder, notes, temporary = place / "class", place / "notes", place / "tmp"
    for made in (folder, notes, temporary):
        made.mkdir(parents=True)
    for name in names:
        app = folder / name / "lessons" / "L02" / "app"
        shutil.copytree(clone.checkpoint, app, ignore=shutil.ignore_patterns("__pycache__"))
        for file, content in WORKS[name].files.items():
            code = content if isinstance(content, bytes) else content.encode()
            (app / file).write_bytes(code.replace(b"NOTES", os.fsencode(notes)))
        if name == "linked":
            _link(app, place)
        if name == "read-only":
            for path in [app, *app.rglob("*")]:
                path.chmod(path.stat().st_mode & ~0o222)
    process = clone.start(
        *("grade", "02", "--class", str(folder), "--json"),
        TMPDIR=str(temporary),
        SEED=SEED,
        **SECRETS,
        **environment,
    )
    return Run(names, folder, notes, temporary, snapshot(folder), process)


def _link(app: Path, place: Path) -> None:
    """Links to a file, to nowhere and in a circle, and a pipe that nobody writes to."""
    (place / "elsewhere.py").write_text("LINKED = True\n")
    (app / "server.py").unlink()
    (app / "server.py").symlink_to(place / "elsewhere.py")
    (app / "nowhere.py").symlink_to("not-there")
    (app / "circle").symlink_to(app)
    (app / "back").symlink_to("..")
    os.mkfifo(app / "pipe")


@pytest.fixture(scope="module")
def runs(shared_clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Run]]:
    """All works, in groups that wait for their limits at the same time."""
    quick = [name for name in WORKS if name not in SLOW]
    groups = [(slow, *quick[number :: len(SLOW)]) for number, slow in enumerate(SLOW)]
    begun = [start(shared_clone, group, tmp_path_factory.mktemp("group")) for group in groups]
    fresh = start(shared_clone, FRESH, tmp_path_factory.mktemp("fresh"), WORKBOOK_FORK="0")
    yield [*begun, fresh]
    for run in [*begun, fresh]:
        run.process.kill()
        run.process.communicate()


@pytest.fixture
def fresh(runs: list[Run]) -> Run:
    return runs[-1]


@pytest.fixture
def run_of(runs: list[Run], request: pytest.FixtureRequest) -> Run:
    """The run that judged the work named by the test's parameter."""
    return next(run for run in runs if request.param in run.names)


def judged(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("run_of", "name"), [(name, name) for name in names], indirect=["run_of"], ids=names
    )


def failed(report: Report) -> list[Report]:
    return [result for result in report["results"] if result["passed"] is False]


def said_of(result: Report) -> str:
    cause = result["cause"]
    return f"{cause['rationale']} {cause['expected']} {cause['traceback']}"


# Verdicts


@judged(*WORKS)
def test_one_clear_verdict(run_of: Run, name: str) -> None:
    report, work = run_of.report(name), WORKS[name]
    assert not report["passed"]
    [root] = failed(report)
    said = said_of(root)
    assert (root["name"], root["misconception"]) == (work.check, work.misconception), said
    for words in work.says:
        assert words in said
    assert "checkpoints/" not in said, "of the checker's own code nothing is shown"
    assert len(said) < 3000


def test_every_check_is_accounted_for(runs: list[Run]) -> None:
    for run in runs:
        names = {tuple(one["name"] for one in run.report(name)["results"]) for name in run.names}
        assert len(names) == 1
        for name in run.names:
            results = run.report(name)["results"]
            assert {one["outcome"] for one in results} <= {"passed", "failed", "not reached"}


def test_the_run_ends_with_status_1_and_without_a_word_of_its_own(runs: list[Run]) -> None:
    for run in runs:
        assert (run.end().status, run.end().err) == (1, "")


def test_fresh_interpreters_come_to_the_same_verdicts(runs: list[Run], fresh: Run) -> None:
    for name in FRESH:
        forked = next(run for run in runs if name in run.names)
        assert said_of(failed(forked.report(name))[0]) == said_of(failed(fresh.report(name))[0])


def test_the_seed_gives_the_words(runs: list[Run]) -> None:
    """Three processes, one seed: the same check sends the same words."""
    asked = {
        tuple(one["log"])
        for run in runs
        for name in run.names
        for one in run.report(name)["results"]
        if one["misconception"] == "status-404"
    }
    assert len(asked) == 1


# What is left


def test_nothing_is_left_behind(runs: list[Run]) -> None:
    for run in runs:
        run.end()
        assert survivors(run.temporary) == []
        assert list(run.temporary.iterdir()) == []


def test_the_works_are_as_they_were(runs: list[Run]) -> None:
    for run in runs:
        run.end()
        assert snapshot(run.folder) == run.before


@judged("leaves-processes")
def test_processes_that_were_left_are_gone(run_of: Run, name: str) -> None:
    run_of.end()
    pids = (run_of.notes / "pids").read_text().split()
    assert len(pids) == 3
    assert [pid for pid in pids if Path("/proc", pid).exists()] == []


@judged("meddles")
def test_files_beside_the_work_have_no_say(run_of: Run, name: str) -> None:
    run_of.end()
    assert not (run_of.notes / "meddled").exists()


@judged("fills-the-disk")
def test_a_file_has_its_limit(run_of: Run, name: str) -> None:
    run_of.end()
    assert (run_of.notes / "disk").read_text() == "File too large"


# Secrets and the network


def test_no_secret_of_the_user_is_in_reach(runs: list[Run], fresh: Run) -> None:
    for run in [next(run for run in runs if "dumps" in run.names), fresh]:
        run.end()
        seen = (run.notes / "dump").read_text()
        assert "CHATKIT_DATABASE" in seen, "it did look"
        assert "PermissionError" in seen
        for name, value in SECRETS.items():
            assert value not in seen
            assert name == "OPENAI_API_KEY" or name not in seen


@judged("asks-around")
def test_only_this_machine_is_in_reach(run_of: Run, name: str) -> None:
    run_of.end()
    seen = json.loads((run_of.notes / "network").read_text())
    assert seen.pop("localhost") == "reached"
    assert len(seen) == 10
    for host, answer in seen.items():
        assert f"{host} was not contacted" in answer
