"""The commands as a student and an instructor type them: what they say, keep and return."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from checkpoints import lesson as lessons
from checkpoints import progress as progress_module
from checkpoints import starter
from checkpoints.engine.verdict import CheckInfo, Report, Verdict
from checkpoints.lesson import LESSONS, Lesson
from checkpoints.progress import Progress
from checkpoints.report import print_class
from checkpoints.submission import Work
from tests.engine.clone import Clone, Result, finish, survivors
from tests.engine.hostile import NO_ROUTE, WORKS

ESCAPE = "\x1b"


@pytest.fixture
def lesson() -> Lesson:
    return lessons.load(2)


def work(app: Path, main: str | None = None) -> Path:
    """Make a folder `app` with this main.py, or with a work that starts and has no route."""
    app.mkdir(parents=True)
    (app / "main.py").write_text(NO_ROUTE if main is None else main)
    return app


def assert_sentence(result: Result, *words: str) -> None:
    """The command gave up, said why in a sentence, and printed nothing else."""
    assert result.status == 2, result
    assert result.out == ""
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err


# What cannot be judged or done


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ("check 9", {}, "There is no lesson “9”. Lessons are 01 to 08."),
        ("check 00", {}, "There is no lesson"),
        ("check two", {}, "There is no lesson “two”"),
        ("check 08", {}, "Lesson 08 is not in this edition yet. There is: 01, 02"),
        ("diff 08", {}, "not in this edition"),
        (
            "check 02",
            {},
            "Lesson 01 comes first: make lesson-01, then make check-01\nTo go on all the same: make",
        ),
        ("check 02", {"SUBMISSION": "/nowhere/at/all"}, "/nowhere/at/all is not a folder."),
        ("check 02", {"SUBMISSION": "~nobody-of-this-name/x"}, "is not a folder."),
        ("check 02", {"SUBMISSION": "pyproject.toml"}, "is not a folder."),
        ("check 02", {"SUBMISSION": "shared"}, "there is no lessons/L02/app, app or main.py."),
        ("check 02", {"FROM": "elsewhere"}, "It can be mine, checkpoint or mistake:NAME."),
        ("check 02", {"FROM": "mistake:none"}, "There is: "),
        ("check 02", {"FROM": "mistake:../../right"}, "There is: "),
        ("check 02", {"SEED": "many"}, "SEED"),
        ("grade 02", {"CLASS": "/nowhere"}, "/nowhere is not a folder. CLASS="),
        ("grade 02", {"CLASS": "shared"}, "holds work for lesson 02."),
        ("grade 02", {}, "--class"),
        ("lesson 02", {"PORT": "http"}, "PORT"),
        ("lesson 02", {"PORT": "70000"}, "PORT"),
        ("lesson 02", {"CHATKIT_PACE": "fast"}, "CHATKIT_PACE=fast is not a number"),
        ("rows 02", {}, "make lesson-02"),
        ("rows 02", {"CHATKIT_DATABASE": "pyproject.toml"}, "pyproject.toml cannot be read"),
        ("fly", {}, "fly"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    arguments: str, environment: dict[str, str], words: str, shared_clone: Clone
) -> None:
    assert_sentence(shared_clone.run(*arguments.split(), **environment), words)


def test_missing_work_of_ones_own_can_be_brought_back(clone: Clone) -> None:
    shutil.rmtree(clone.app)
    assert_sentence(clone.run("check", "02"), "make reset-02")


@pytest.mark.parametrize("fork", ["1", "0"])
def test_a_broken_installation_is_no_verdict(fork: str, clone: Clone) -> None:
    (clone.root / "agents.py").write_text("raise ImportError('agents is half installed')\n")
    result = clone.run("check", "02", "--from", "checkpoint", "--json", WORKBOOK_FORK=fork)
    assert_sentence(result, "SDKs could not be imported", "half installed", "make doctor")


@pytest.mark.slow
def test_broken_checks_are_no_verdict(clone: Clone) -> None:
    checks = clone.root / "checkpoints" / "L02" / "checks.py"
    checks.write_text(checks.read_text() + "\n\nraise RuntimeError('a fault of the author')\n")
    result = clone.run("check", "02", "--from", "checkpoint", "--json")
    assert_sentence(result, "says nothing about your work", ".workbook/judge.log")
    assert "a fault of the author" in (clone.root / ".workbook" / "judge.log").read_text()


# Where the work is


@pytest.mark.parametrize(
    "form",
    [
        "{clone}",
        "{clone}/",
        "{clone}/lessons",
        "{clone}/lessons/L02",
        "{clone}/lessons/L02/app/",
        "~/her clone",
        "her clone",
        "./her clone/lessons/L02/../L02",
    ],
)
def test_submission_may_be_any_folder_around_the_work(form: str, clone: Clone) -> None:
    theirs = clone.root / "her clone"
    app = work(theirs / "lessons" / "L02" / "app", "# hers\n")
    result = clone.run("mine", "02", SUBMISSION=form.format(clone=theirs))
    assert (result.status, result.err) == (0, "")
    assert "\n-# hers\n" in result.out
    assert app.is_dir()


def test_a_folder_with_a_main_py_is_enough(clone: Clone) -> None:
    work(clone.root / "solution", "# hers\n")
    assert "\n-# hers\n" in clone.run("mine", "02", SUBMISSION="solution").out


# Verdicts


def assert_like_check50(report: dict[str, Any]) -> None:
    assert {"slug", "version", "results"} <= report.keys()
    for one in report["results"]:
        assert isinstance(one["name"], str)
        assert isinstance(one["description"], str)
        assert one["passed"] in (True, False, None)
        assert isinstance(one["log"], list)
        assert one["cause"] is None or {"rationale", "help"} <= one["cause"].keys()
        assert isinstance(one["data"], dict)
        assert one["dependency"] is None or isinstance(one["dependency"], str)


@pytest.mark.slow
def test_a_red_check_teaches_and_nothing_in_it_is_markup(clone: Clone, tmp_path: Path) -> None:
    [(_, code)] = WORKS["strange-message"].files.items()
    assert isinstance(code, str)
    folder = tmp_path / "[/red] [bold] :smile:"
    work(folder / "app", code)
    result = clone.run("check", "02", SUBMISSION=str(folder), PYTHONIOENCODING="ascii")
    assert (result.status, result.err) == (1, "")
    said = " ".join(result.out.split())
    assert f"Connecting your first agent {folder}" in said
    assert "XX Your app starts" in said
    assert "RuntimeError: [/red] [bold] :smile:" in said
    for row in ("tried", "observed", "expected", "your code", "why", "concept", "read", "hint"):
        assert f"\n   {row} " in result.out
    assert ESCAPE not in result.out
    assert "make check-02" in said
    assert re.search(r"SEED=\d+ repeats them", said)
    assert not clone.progress.exists(), "somebody else's work is none of one's progress"


@pytest.mark.slow
def test_a_class_as_csv_has_a_row_for_everybody(clone: Clone, tmp_path: Path) -> None:
    for name in ("=ann", "bob, jr"):
        work(tmp_path / "class" / name / "app", "")
    (tmp_path / "class" / "carl").mkdir()
    (tmp_path / "class" / ".git").mkdir()
    (tmp_path / "class" / "list.txt").touch()
    result = clone.run("grade", "02", CLASS=str(tmp_path / "class"), CSV="1")
    assert result.status == 1
    assert result.err.count("\n") == 1
    assert "carl" in result.err
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert [row["submission"] for row in rows] == ["=ann", "bob, jr", "carl"]
    assert {row["passed"] for row in rows} == {"no"}
    assert [row["misconceptions"] for row in rows] == ["start-app", "start-app", ""]
    assert [row["check_starts"] for row in rows] == ["failed", "failed", ""]


def test_a_class_as_a_table_shows_what_it_shares(lesson: Lesson) -> None:
    info = CheckInfo(why="")
    red = Verdict("check_starts", "Your app starts", "failed", info, misconception="start-app")
    green = Verdict("check_starts", "Your app starts", "passed", info)
    reports = [Report(2, "[/ann]", [red]), Report(2, "bob", [green]), Report(2, "carl")]
    text = io.StringIO()
    print_class(Console(file=text, width=100, markup=False), lesson, reports)
    said = " ".join(text.getvalue().split())
    assert "[/ann] 0/1 Your app starts bob 1/1 carl 0/0 no work for this lesson" in said
    assert "1 start-app (lessons/L02/README.md#" in said


# Progress, gate, hints


@pytest.fixture
def two_lessons(clone: Clone) -> Clone:
    """An edition in which lesson 2 comes again as lesson 3. Lesson 1 is passed."""
    clone.progress.parent.mkdir()
    clone.progress.write_text('{"L01": {"passed": "2026-01-01"}}')
    for folder in ("checkpoints", "lessons"):
        for later in (clone.root / folder).glob("L0[3-8]"):
            shutil.rmtree(later)
        shutil.copytree(clone.root / folder / "L02", clone.root / folder / "L03")
    (clone.root / "lessons" / "L03" / "app" / "main.py").write_text(NO_ROUTE)
    return clone


@pytest.mark.slow
def test_a_lesson_waits_for_the_one_before(two_lessons: Clone) -> None:
    clone = two_lessons
    assert_sentence(clone.run("check", "03"), "make check-02", "make check-03 FORCE=1")
    forced = clone.run("check", "03", FORCE="1")
    assert (forced.status, forced.err) == (1, "")

    shutil.copytree(clone.checkpoint, clone.app, dirs_exist_ok=True)
    passing = clone.run("check", "02")
    assert (passing.status, passing.err) == (0, ""), passing.out
    assert "Lesson 02 is done." in passing.out
    assert "Nothing failed" in clone.run("hint", "02").out
    said = clone.run("progress").out
    assert re.search(r"02 .*\(passed \d{4}-\d\d-\d\d\)", said)
    assert re.search(r"03 .*\(1 of \d+ checks the last time\)", said)

    with (clone.app / "main.py").open("a") as file:
        file.write("# changed\n")
    own = {"PYTEST_ADDOPTS": "--no-such-option", "PYTEST_PLUGINS": "no_such_plugin"}
    warned = clone.run("check", "03", JSON="1", SEED="11", **own)
    assert warned.status == 1
    assert "Lesson 02 has changed since it passed" in warned.err
    report = json.loads(warned.out)
    assert_like_check50(report)
    assert (report["passed"], report["seed"]) == (False, 11)
    assert [one["passed"] for one in report["results"]][:3] == [True, False, None]
    assert "changed since" in clone.run("progress").out


def test_three_hints_then_the_last_one_again(clone: Clone) -> None:
    clone.progress.parent.mkdir()
    clone.progress.write_text('{"L02": {"failed": ["check_streams", "check_stored"]}}')
    said = [clone.run("hint", "02") for _ in range(4)]
    assert {one.status for one in said} == {0}
    assert [re.findall(r"hint \d of \d", one.out)[0][5:] for one in said] == [
        *("1 of 3", "2 of 3", "3 of 3", "3 of 3")
    ]
    assert said[2].out == said[3].out
    assert "make mine-02" in said[2].out
    assert len({one.out for one in said}) == 3
    link = re.search(r"Read: (\S+)#(\S+)", said[0].out)
    assert link
    text = (clone.root / link[1]).read_text()
    assert link[2] in {lessons.anchor(line.lstrip("# ")) for line in text.splitlines()}


def test_a_hint_can_be_had_before_the_first_check(shared_clone: Clone, clone: Clone) -> None:
    assert "hint 1 of 3" in clone.run("hint", "02").out


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"L02": 5}',
        b'{"L02": {"passed": 7, "failed": "x", "score": [1], "hints": 3, "code": []}}',
        b'{"L02": {"hints": {"Store": "many"}, "score": ["a", "b"]}}',
        b'{"L02": {"failed": ["check_starts"',
    ],
)
def test_a_spoilt_progress_file_is_as_none(content: bytes, lesson: Lesson, tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    file.write_bytes(content)
    progress = Progress(file)
    assert progress.passed_at(lesson) is None
    assert progress.failed_checks(lesson) is None
    assert progress.score(lesson) is None
    assert not progress.changed_since_pass(lesson)
    assert progress.next_hint(lesson, "Store", 3) == 0
    assert Progress(file).next_hint(lesson, "Store", 3) == 1


def test_the_progress_file_is_replaced_in_one_step(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "new folder" / "progress.json"
    progress = Progress(file)
    passed = Report(2, "mine", [Verdict("a", "A", "passed", CheckInfo(""))])
    progress.note(lesson, passed, Work(tmp_path / "app", tmp_path / "work"))
    before = file.read_bytes()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        progress.next_hint(lesson, "Store", 3)
    assert file.read_bytes() == before
    assert Progress(file).passed_at(lesson)


def test_tools_that_leave_files_behind_change_no_fingerprint(tmp_path: Path) -> None:
    app = work(tmp_path / "app")
    before = progress_module.fingerprint(app)
    for name in ("__pycache__/main.pyc", ".mypy_cache/x", "node_modules/x", "chat.db-wal"):
        file = app / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("x")
    (app / "nowhere").symlink_to("not-there")
    assert progress_module.fingerprint(app) == before
    (app / "main.py").rename(app / "other.py")
    assert progress_module.fingerprint(app) != before


# Beginning again


def kept_copies(clone: Clone) -> list[Path]:
    folder = clone.root / ".workbook" / "kept"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_reset_keeps_what_was_there_every_time(clone: Clone) -> None:
    notes = clone.app.parent / "work" / "answers.md"
    notes.parent.mkdir()
    notes.write_text("my answers")
    (clone.app / "nowhere").symlink_to("not-there")
    for number in range(3):  # within a second or two
        (clone.app / "server.py").write_text(f"# work of an evening, {number}\n")
        result = clone.run("reset", "02")
        assert (result.status, result.err) == (0, "")
        assert str(kept_copies(clone)[-1].relative_to(clone.root)) in result.out
    copies = kept_copies(clone)
    assert len(copies) == 3
    texts = {(copy / "app" / "server.py").read_text() for copy in copies}
    assert texts == {f"# work of an evening, {number}\n" for number in range(3)}
    assert {(copy / "work" / "answers.md").read_text() for copy in copies} == {"my answers"}
    assert notes.read_text() == "my answers"
    manifest = (clone.root / "checkpoints" / "L02" / "starter.sha256").read_text()
    files = {
        str(file.relative_to(clone.app.parent)): file.read_bytes()
        for file in clone.app.rglob("*")
        if file.is_file()
    }
    assert starter.manifest(files) == manifest
    assert sorted(entry.name for entry in clone.app.parent.iterdir()) == [
        "README.md",
        "app",
        "work",
    ]


@pytest.mark.parametrize("step", range(6))
def test_whenever_it_is_interrupted_the_old_folder_or_the_new_one_is_whole(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupt the writing before each change to the file system in turn."""
    old, new = {"app/main.py": b"old", "app/mine.py": b"mine"}, {"app/main.py": b"new"}
    starter.write(old, tmp_path)
    count = 0

    def counted(change: Callable[..., object]) -> Callable[..., object]:
        def interrupted(*arguments: object, **how: object) -> object:
            nonlocal count
            count += 1
            if count > step:
                raise KeyboardInterrupt
            return change(*arguments, **how)

        return interrupted

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "rename"), (Path, "write_bytes"), (shutil, "rmtree")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        with pytest.raises(KeyboardInterrupt):
            starter.write(new, tmp_path)

    def files(app: Path) -> dict[str, bytes]:
        return {f"app/{file.name}": file.read_bytes() for file in app.glob("*")}

    assert old in [files(tmp_path / "app"), files(tmp_path / ".app.old")]
    assert files(tmp_path / "app") in [old, {}, new], "and nothing in between"
    starter.write(new, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["app"]
    assert files(tmp_path / "app") == new


def test_generate_keeps_a_students_work_too(clone: Clone) -> None:
    (clone.app / "server.py").write_text("# mine\n")
    result = clone.run("generate")
    assert (result.status, result.err) == (0, "")
    [copy] = [one for one in kept_copies(clone) if one.name.startswith("L02")]
    assert (copy / "app" / "server.py").read_text() == "# mine\n"
    assert (clone.app / "server.py").read_text() != "# mine\n"


# Looking


def test_diff_shows_what_the_lesson_adds(shared_clone: Clone) -> None:
    result = shared_clone.run("diff", "02")
    assert (result.status, result.err) == (0, "")
    assert "+++ L02/app/server.py" in result.out
    assert "\n+class TaskServer(ChatKitServer[RequestContext]):\n" in result.out
    assert ESCAPE not in result.out
    assert "__pycache__" not in result.out


def test_mine_compares_with_the_checkpoint(clone: Clone) -> None:
    assert "-        raise NotImplementedError(" in clone.run("mine", "02").out
    shutil.rmtree(clone.app)
    shutil.copytree(clone.checkpoint, clone.app)
    assert clone.run("mine", "02").out == "No difference.\n"
    (clone.app / "logo.png").write_bytes(b"\x89PNG\xff")
    assert "logo.png" in clone.run("mine", "02").out


def test_rows_are_shown_as_they_lie_there(clone: Clone) -> None:
    database = clone.root / "odd #1 50%? [x].db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany(
            "INSERT INTO notes (text) VALUES (?)", [(f"[/red] {number}",) for number in range(25)]
        )
        connection.commit()
    result = clone.run("rows", "02", CHATKIT_DATABASE=str(database))
    assert (result.status, result.err) == (0, "")
    assert "notes  25 rows, the newest 20 of them" in result.out
    assert "[/red] 24" in result.out
    assert "[/red] 4 " not in result.out


# Being stopped


def wait_for(process: subprocess.Popen[str], sign: str) -> None:
    """Read what the process prints up to a line with this sign."""
    assert process.stdout
    for line in process.stdout:
        if sign in line:
            return
    raise AssertionError(f"it ended without “{sign}”")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "fork"), [(signal.SIGINT, "1"), (signal.SIGTERM, "1"), (signal.SIGHUP, "0")]
)
def test_stopping_a_check_leaves_everything_in_order(
    number: signal.Signals, fork: str, clone: Clone, tmp_path: Path
) -> None:
    clone.progress.parent.mkdir()
    clone.progress.write_text('{"L02": {"passed": "2026-01-01", "code": "x"}}\n')
    temporary, begun = tmp_path / "tmp", tmp_path / "begun"
    temporary.mkdir()
    os.mkfifo(begun)
    code = f"open({str(begun)!r}, 'w').close()\nimport time\ntime.sleep(600)\n"
    (clone.app / "main.py").write_text(code)
    process = clone.start("check", "02", FORCE="1", TMPDIR=str(temporary), WORKBOOK_FORK=fork)
    begun.open().close()  # waits until the student's code runs
    os.killpg(process.pid, number)
    result = finish(process)
    assert (result.status, result.err) == (130, "Stopped.\n")
    assert survivors(temporary) == []
    assert list(temporary.iterdir()) == []
    assert clone.progress.read_text() == '{"L02": {"passed": "2026-01-01", "code": "x"}}\n'


@pytest.mark.slow
def test_stopping_before_anything_runs(clone: Clone, tmp_path: Path) -> None:
    process = clone.start("check", "02", FORCE="1", TMPDIR=str(tmp_path))
    wait_for(process, "Lesson 02")  # the SDKs are being imported
    os.killpg(process.pid, signal.SIGINT)
    result = finish(process)
    assert (result.status, result.err) == (130, "Stopped.\n")
    assert survivors(tmp_path) == []


@pytest.mark.slow
def test_a_reader_who_leaves_is_no_fault_of_the_checks(clone: Clone, tmp_path: Path) -> None:
    process = clone.start("check", "02", "--from", "checkpoint", TMPDIR=str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    wait_for(process, "Lesson 02")
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    process.wait()
    assert survivors(tmp_path / "tmp") == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("command", ["diff 02", "mine 02", "progress", "hint 02"])
def test_pipes_may_close(command: str, clone: Clone) -> None:
    process = clone.start(*command.split())
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    process.wait()


def test_the_real_folders_are_never_used(shared_clone: Clone) -> None:
    """What the commands above write lies in the copy."""
    assert not str(shared_clone.root).startswith(str(LESSONS.parent))
