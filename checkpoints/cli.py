"""The commands behind the Makefile, as `python -m checkpoints COMMAND`.

Options come from the environment too, since make hands `make check-02 SUBMISSION=dir` on that way.
Exit status: 0 all is well, 1 a check failed, 2 it could not be judged or done here, 130 stopped.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console

from checkpoints import lesson as lessons
from checkpoints.differences import diff, print_diff
from checkpoints.lesson import Lesson, LessonError
from checkpoints.submission import SubmissionError, examples, find_app, find_work, lesson_folder

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run, check and compare the lessons. `make` lists the same commands.",
)
# What is printed may come from a student's work: square brackets in it are no markup.
console = Console(highlight=False, markup=False, emoji=False)
errors = Console(stderr=True, highlight=False, markup=False, emoji=False)

CANNOT = 2
STOPPED = 130


def _lesson(text: str) -> Lesson:
    return lessons.load(lessons.parse_number(text))


def _complete_number(incomplete: str) -> list[str]:
    every = (f"{number:02d}" for number in lessons.numbers())
    return [number for number in every if number.startswith(incomplete)]


def _complete_from(ctx: typer.Context, incomplete: str) -> list[str]:
    which = ctx.params.get("which")
    every = (
        ["mine", "checkpoint", *(f"mistake:{name}" for name in examples(which, "wrong"))]
        if which
        else []
    )
    return [name for name in every if name.startswith(incomplete)]


Which = Annotated[
    Lesson,
    typer.Argument(parser=_lesson, metavar="NN", help="02, or 2", autocompletion=_complete_number),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        envvar="FROM",
        help="mine (default), checkpoint, or mistake:NAME",
        autocompletion=_complete_from,
    ),
]
Submission = Annotated[
    str | None,
    typer.Option(envvar="SUBMISSION", help="somebody's clone, or a lesson's folder"),
]
Force = Annotated[bool, typer.Option(envvar="FORCE", help="go on past the gate")]
Json = Annotated[bool, typer.Option("--json", envvar="JSON", help="the report for programs")]
Seed = Annotated[int | None, typer.Option(envvar="SEED", help="of the random words")]
Db = Annotated[
    Literal["sqlite", "postgres"], typer.Option("--db", envvar="DB", help="from lesson 06 on")
]
Port = Annotated[
    int | None,
    typer.Option(envvar="PORT", min=1, max=65535, help="default: 8000 and the number"),
]


@app.command()
def lesson(
    which: Which,
    from_: From = None,
    submission: Submission = None,
    port: Port = None,
    db: Db = "sqlite",
) -> None:
    """Run a lesson's server, with reload; or show its recording, where it has no server."""
    from checkpoints.run import PortTaken, database_of, run, show_recording

    port = port or 8000 + which.number
    try:
        if which.recording.exists() and not submission and from_ in (None, "mine"):
            show_recording(which, port, console)
            return
        work = find_app(which, submission=submission, from_=from_)
        with _database(which, db):
            run(which, work, port, database_of(which, from_), console)
    except PortTaken as error:
        other = port + 10 if port < 65_000 else 8010 + which.number
        _give_up(f"{error} Type the same command with  PORT={other}  at its end.")


@contextmanager
def _database(which: Lesson, db: str) -> Iterator[None]:
    """Run the Postgres that was asked for, and let the environment name it."""
    if db == "sqlite":
        yield
        return
    from checkpoints.run import WITH_OWNERS

    if which.number < WITH_OWNERS:
        _give_up(f"Lessons use Postgres from {WITH_OWNERS:02d} on. This one stores in SQLite.")
    from checkpoints.postgres import ClusterError, lasting
    from checkpoints.setup import postgres

    try:
        postgres.get()
        with lasting(lessons.STATE / "postgres") as urls:
            os.environ["DATABASE_URL"] = urls.app
            os.environ["DATABASE_OWNER_URL"] = urls.owner
            yield
    except ClusterError as error:
        _give_up(str(error))


@app.command()
def postgres() -> None:
    """Run a Postgres on this machine until Ctrl-C, for lesson 06 and later."""
    from checkpoints.postgres import ClusterError, run
    from checkpoints.setup import postgres

    try:
        postgres.get()
        run(lessons.STATE / "postgres", console)
    except ClusterError as error:
        _give_up(str(error))


@app.command()
def check(
    which: Which,
    from_: From = None,
    submission: Submission = None,
    force: Force = False,
    as_json: Json = False,
    seed: Seed = None,
) -> None:
    """Grade a lesson's work."""
    # First of all, so that the SDKs are imported while this process imports the rest.
    from checkpoints.engine.warm import make_starter

    work = find_work(which, submission=submission, from_=from_)
    own = not submission and from_ in (None, "mine")
    if own and not force:
        _gate(which)
    starter = make_starter() if which.has_code else None
    try:
        from checkpoints import report as reports
        from checkpoints.engine.judge import judge
        from checkpoints.engine.plugin import Job
        from checkpoints.progress import Progress

        progress = Progress.of(submission)
        # A right answer is only ever told to the person who has tried twice.
        tries = progress.tries(which) if own else None
        name = submission or from_ or f"lessons/{which.name}"
        if not as_json:
            console.print(f"Lesson {which.number:02d} · {which.title}", style="bold", end="  ")
            console.print(f"{name}\n")

        def show(_: Any, verdict: Any) -> None:
            if not as_json:
                reports.print_verdict(console, which, verdict)

        job = Job(work.app, name, work.work, tries)
        [found] = judge(which, [job], seed=seed, starter=starter, on_verdict=show)
    finally:
        if starter:
            starter.close()
    if own or submission:
        progress.note(which, found, work)
    if as_json:
        typer.echo(json.dumps(reports.as_json(which, found), indent=2))
    else:
        reports.print_summary(console, which, found)
    raise typer.Exit(0 if found.passed else 1)


def _gate(which: Lesson) -> None:
    """Go on only when the lessons before are passed; code changed since then is only a warning."""
    from checkpoints.progress import Progress

    progress = Progress()
    for earlier in (lessons.load(number) for number in lessons.numbers() if number < which.number):
        number = f"{earlier.number:02d}"
        if not progress.passed_at(earlier):
            _give_up(
                f"Lesson {number} comes first: make lesson-{number}, then make check-{number}\n"
                f"To go on all the same: make check-{which.number:02d} FORCE=1"
            )
        if progress.changed_since_pass(earlier):
            errors.print(
                f"Lesson {number} has changed since it passed; make check-{number} looks again."
            )


@app.command()
def watch(which: Which, from_: From = None, submission: Submission = None) -> None:
    """Grade again after each save."""
    from checkpoints.watch import watch

    work = find_work(which, submission=submission, from_=from_)
    own = not submission and from_ in (None, "mine")
    watch(which, work, submission or from_ or f"lessons/{which.name}", console, own=own)


@app.command()
def grade(
    which: Which,
    folder: Annotated[Path, typer.Option("--class", envvar="CLASS", help="holds a clone each")],
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", envvar="CSV")] = False,
    seed: Seed = None,
) -> None:
    """Grade a folder of clones, and show which misconceptions the class shares."""
    from checkpoints import report as reports
    from checkpoints.engine.judge import judge
    from checkpoints.engine.plugin import Job
    from checkpoints.engine.verdict import Report
    from checkpoints.engine.warm import make_starter

    folder = Path(os.path.expanduser(folder))
    if not folder.is_dir():
        _give_up(f"{folder} is not a folder. CLASS=folder names one that holds a clone each.")
    jobs, missing = [], []
    for clone in sorted(folder.iterdir()):
        if not clone.is_dir() or clone.name.startswith("."):
            continue
        try:
            work = find_work(which, submission=str(clone))
            jobs.append(Job(work.app, clone.name, work.work))
        except SubmissionError as error:
            missing.append(Report(which.number, clone.name))
            _complain(str(error))
    if not jobs:
        _give_up(f"No clone in {folder} holds work for lesson {which.number:02d}.")
    starter = make_starter() if which.has_code else None
    try:
        found = judge(which, jobs, seed=seed, starter=starter) + missing
    finally:
        if starter:
            starter.close()
    if as_json:
        every = [reports.as_json(which, one) for one in found]
        typer.echo(json.dumps(every, indent=2))
    elif as_csv:
        typer.echo(reports.as_csv(found), nl=False)
    else:
        reports.print_class(console, which, found)
    raise typer.Exit(0 if all(one.passed for one in found) else 1)


@app.command()
def hint(which: Which, submission: Submission = None) -> None:
    """Show the next hint for what failed the last time."""
    from checkpoints.progress import Progress

    progress = Progress.of(submission)
    failed = progress.failed_checks(which)
    number = f"{which.number:02d}"
    if failed is None:
        touch = which.touches[0]
    elif failed:
        touch = which.touch_of(failed[0], progress.first_symbol(which))
    else:
        console.print(f"Nothing failed when lesson {number} was checked last. make check-{number}")
        return
    # Questions come several to a concept, and each has hints of its own.
    topic = touch.symbol if touch.file == lessons.ANSWERS else touch.concept
    tier = progress.next_hint(which, topic, len(touch.hints))
    console.print(touch.concept, style="bold", end="  ")
    console.print(f"{touch.symbol}  (hint {tier + 1} of {len(touch.hints)})")
    console.print(touch.hints[tier])
    console.print(f"Read: {which.link(touch.section)}")
    if tier + 1 == len(touch.hints):
        said = "That was the last one."
        if which.has_code:
            said += f" make mine-{number} compares your code with the checkpoint."
        console.print(said)


@app.command("diff")
def diff_(which: Which) -> None:
    """What the lesson adds to the one before."""
    if not which.has_code:
        console.print(
            f"Lesson {which.number:02d} adds no code. Your answers: lessons/{which.name}/work"
        )
        return
    before = lessons.folder_name(which.number - 1)
    _show(lessons.CHECKPOINTS / before / "app", which.checkpoint / "app", before, which.name)


@app.command()
def mine(which: Which, submission: Submission = None) -> None:
    """One's own work against the checkpoint; model answers only when the lesson is passed."""
    from checkpoints.progress import Progress

    work = find_work(which, submission=submission)
    if which.has_code:
        _show(work.app, which.checkpoint / "app", "mine", which.name)
    if which.template.is_dir():
        if submission or Progress().passed_at(which):
            _show(work.work, which.checkpoint / "work", "mine", which.name, part="work")
        else:
            number = f"{which.number:02d}"
            console.print(f"The model answers are shown when lesson {number} is passed.")


def _show(old: Path, new: Path, old_name: str, new_name: str, part: str = "app") -> None:
    lines = diff(old, new, old_name=f"{old_name}/{part}", new_name=f"{new_name}/{part}")
    print_diff(console, lines)
    if not lines:
        console.print("No difference.")


@app.command()
def reset(which: Which, submission: Submission = None) -> None:
    """Bring the starter back. What was there is kept, dated."""
    from checkpoints import starter

    folder = lesson_folder(which, submission)
    kept = starter.keep_a_copy(which, folder)
    files = starter.build(which)
    starter.write(files, folder)
    places = [_short(folder / part) for part in starter.parts(files)]
    console.print(f"{' and '.join(places)} {'is' if len(places) == 1 else 'are'} as at the start.")
    _say_where(kept)


@app.command()
def start(which: Which, from_: From = None, submission: Submission = None) -> None:
    """Begin a lesson: with the starter, or FROM=mine with one's own code of the lesson before."""
    from checkpoints import starter

    if from_ == "mine":
        before = lesson_folder(which, submission).with_name(lessons.folder_name(which.number - 1))
        if not (before / "app").is_dir():
            number = f"{which.number:02d}"
            _give_up(
                f"There is no code of your own before lesson {number}. Type: make start-{number}"
            )
        files = starter.build_on(which, before)
    elif from_ in (None, "checkpoint"):
        files = starter.build(which)
    else:
        _give_up(f"FROM={from_} is not known here. It can be mine or checkpoint.")
    folder = lesson_folder(which, submission)
    kept = starter.keep_a_copy(which, folder)
    starter.write(files, folder)
    ready = " and ".join(_short(folder / part) for part in starter.parts(files))
    console.print(f"Ready: {ready}. What this lesson touches:")
    code = [touch for touch in which.touches if touch.file.endswith(".py")]
    for touch in {touch.symbol: touch for touch in reversed(code)}.values():
        console.print(f"  {touch.symbol}  ({touch.section})")
    for file in dict.fromkeys(touch.file for touch in which.touches if touch not in code):
        console.print(f"  {file}")
    _say_where(kept)


def _say_where(kept: Path | None) -> None:
    if kept:
        console.print(f"What was there is kept in {_short(kept)}.")


def _short(path: Path) -> str:
    """The path as one writes it in this clone."""
    return str(path.relative_to(lessons.ROOT) if path.is_relative_to(lessons.ROOT) else path)


@app.command()
def rows(which: Which, from_: From = None, db: Db = "sqlite") -> None:
    """Show what the lesson's database holds."""
    if db == "postgres":
        _give_up(
            "This shows SQLite files. For Postgres, use the psql command that the banner shows."
        )
    from checkpoints.rows import print_rows
    from checkpoints.run import database_of

    database = database_of(which, from_)
    if not database.exists():
        number = f"{which.number:02d}"
        _give_up(f"Nothing is stored yet. Start `make lesson-{number}` and say something first.")
    try:
        print_rows(console, database)
    except sqlite3.DatabaseError as error:
        _give_up(f"{database} cannot be read: {error}.")


@app.command()
def measure(which: Which, from_: From = None, submission: Submission = None) -> None:
    """Take the figures that the lesson's written work asks for."""
    from checkpoints import measure as measuring
    from checkpoints.engine.server import CannotStart
    from checkpoints.engine.verdict import Failed
    from checkpoints.engine.warm import make_starter

    number = f"{which.number:02d}"
    try:
        kind = measuring.kind_of(which)
    except measuring.NothingToMeasure as error:
        _give_up(str(error))
    work = find_app(which, submission=submission, from_=from_)
    console.print(f"Lesson {number} · {which.title}", style="bold", end="  ")
    console.print(f"{submission or from_ or f'lessons/{which.name}'}\n")
    starter = make_starter()
    try:
        figures = asyncio.run(measuring.measure(which, work, starter))
    except CannotStart as error:
        _give_up(f"The server did not start: {str(error).rstrip('.')}. make check-{number}")
    except Failed as error:
        _give_up(f"There is nothing to measure yet. {error.observed} make check-{number}")
    finally:
        starter.close()
    kind.show(console, figures)
    if submission or from_ in (None, "mine"):
        file = measuring.write(figures, lesson_folder(which, submission))
        console.print(f"The figures are kept in {_short(file)}.")


@app.command()
def proxy(which: Which, port: Port = None) -> None:
    """Put nginx in front of a lesson's server that runs: once buffering, once as it comes."""
    from checkpoints.proxy import ProxyError, run

    try:
        run(which, port or 8000 + which.number, console)
    except ProxyError as error:
        _give_up(str(error))


@app.command()
def attack(
    which: Which,
    url: Annotated[
        str | None,
        typer.Option(envvar="URL", help="your server's endpoint, on this machine"),
    ] = None,
) -> None:
    """Attack a lesson's server that runs, and show what got through."""
    from checkpoints.attack import AttackError, run

    try:
        through = run(which, url, console)
    except AttackError as error:
        _give_up(str(error))
    raise typer.Exit(1 if through else 0)


@app.command()
def progress(submission: Submission = None) -> None:
    """Which lessons are passed."""
    from checkpoints.progress import Progress
    from checkpoints.report import marks

    kept = Progress.of(submission)
    for number in lessons.numbers():
        one = lessons.load(number)
        passed, score = kept.passed_at(one), kept.score(one)
        mark = marks(console)["passed" if passed else "not reached"]
        said = f"passed {passed[:10]}" if passed else "not passed yet"
        if score and not passed:
            said = f"{score[0]} of {score[1]} checks the last time"
        if kept.changed_since_pass(one):
            said += ", changed since"
        console.print(f" {mark} {number:02d}  {one.title}  ({said})")


@app.command()
def doctor() -> None:
    """What this machine has and what is missing."""
    from checkpoints.doctor import diagnose
    from checkpoints.report import marks

    signs = marks(console)
    findings = diagnose()
    for finding in findings:
        outcome = "not reached" if finding.ok is None else "passed" if finding.ok else "failed"
        console.print(f" {signs[outcome]} {finding.name}: {finding.detail}")
        if finding.remedy:
            console.print(f"     {finding.remedy}")
    raise typer.Exit(CANNOT if any(finding.ok is False for finding in findings) else 0)


@app.command()
def lint() -> None:
    """Authors: check style and types."""
    raise typer.Exit(_run_all(_LINT))


@app.command("test-quick")
def test_quick() -> None:
    """Authors: the tests that start no server of a lesson and no browser, in a minute or two."""
    raise typer.Exit(_run_all([*_LINT, ["pytest", "-q", "-m", "not slow"]]))


@app.command()
def test() -> None:
    """Authors: everything."""
    raise typer.Exit(_run_all([*_LINT, ["pytest"]]))


_LINT = [["ruff", "check", "--quiet"], ["ruff", "format", "--quiet", "--check"], ["mypy"]]


def _run_all(commands: list[list[str]]) -> int:
    """Run each tool in turn, also after one has failed. Returns 0, or 1 where one failed."""
    failed = []
    for module, *arguments in commands:
        done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=lessons.ROOT)
        if done.returncode:
            failed.append(" ".join([module, *arguments]))
    if failed:
        errors.print(f"Failed: {', '.join(failed)}.")
    return 1 if failed else 0


@app.command()
def generate() -> None:
    """Authors: write every starter anew from the checkpoints."""
    from checkpoints import page, starter

    for number in lessons.numbers():
        one = lessons.load(number)
        files = starter.build(one)
        if page.has_page(one.checkpoint / "app") and not starter.has_page_build(files):
            page.packages()  # says it where they cannot be had
            files = starter.build(one)
        starter.keep_a_copy(one, one.folder)  # a student may try this command
        starter.write(files, one.folder)
        (one.checkpoint / "starter.sha256").write_text(starter.manifest(files))
        for part in starter.parts(files):
            console.print(f"lessons/{one.name}/{part}")


@app.command()
def record() -> None:
    """Authors: play lesson 1's conversation on a real server, and record it anew."""
    from checkpoints import record as recorder
    from checkpoints.stage import StageError

    try:
        found = recorder.record_and_write()
    except StageError as error:
        _give_up(f"Nothing was written. {error}")
    steps, rows = len(found["steps"]), len(found["rows"])
    console.print(f"{_short(recorder.RECORDING)}: {steps} steps, {rows} rows at the end.")


@app.command()
def pictures() -> None:
    """Authors: take the pictures in the texts anew."""
    os.environ["RETAKE"] = "1"
    raise typer.Exit(_run_all([["pytest", "-q", "tests/page/test_pictures.py"]]))


@app.command()
def bench() -> None:
    """Authors: measure what the workbook promises about speed. ONLY=groups WITHOUT=levers"""
    from tests.bench.run import main as run_bench

    raise typer.Exit(run_bench())


def _complain(sentence: str) -> None:
    errors.print(sentence, soft_wrap=True)  # a path stays in one piece


def _give_up(sentence: str) -> NoReturn:
    _complain(sentence)
    raise typer.Exit(CANNOT)


def main() -> None:
    """Run the CLI. What can go wrong outside of our code is said in a sentence."""
    from checkpoints.engine.warm import JudgeError, StarterError
    from checkpoints.page import NoPackages
    from checkpoints.setup.steps import SetupError
    from shared.settings import SettingsError

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _as_ctrl_c)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # students print what no terminal can show
    try:
        app(prog_name="python -m checkpoints")
    except (LessonError, SubmissionError, SettingsError, NoPackages, SetupError) as error:
        _complain(str(error))
    except StarterError as error:
        _complain(f"The SDKs could not be imported ({error}). `make doctor` looks closer.")
    except JudgeError as error:
        log = lessons.STATE / "judge.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(str(error), encoding="utf-8", errors="replace")
        _complain(
            "The checks themselves broke; this says nothing about your work. What happened is in "
            f"{log.relative_to(lessons.ROOT)}. `make doctor` looks whether something is missing."
        )
    except PermissionError as error:
        _complain(f"The system does not let this file be read or written: {error.filename}.")
    except SystemExit as ended:
        if ended.code == STOPPED:  # typer makes this of Ctrl-C
            _complain("Stopped.")
        raise
    finally:
        _flush()
    sys.exit(CANNOT)


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does now: asyncio gives it another meaning while a loop runs."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # a background job ignores Ctrl-C
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)


def _flush() -> None:
    """Write what is left, unless the reader (`head`, say) has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
