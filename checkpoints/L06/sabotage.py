"""Lesson 6's tests, written by the student: do they tell a server with a hole from a right one?

A test that passes on every server shows nothing. So they run against checkpoint 6, and against copies
of it into which `sabotages.toml` puts one hole each. The student's own server has no part in it.
"""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from checkpoints import lesson as lessons
from checkpoints.engine.server import CannotStart, StudentServer
from checkpoints.engine.student_tests import CannotRun, Outcome, Signing, run_tests
from checkpoints.engine.verdict import Failed
from checkpoints.engine.warm import JudgeError, Starter
from checkpoints.progress import fingerprint
from shared.settings import OFFLINE

LESSON = lessons.load(6)
FILE = "test_attacks.py"
RIGHT = 2  # right servers: what passes on one and fails on the other depends on chance
_EACH = (
    "Each test passes on a server that does what the lesson asks. Then a failure tells of a hole."
)


@dataclass(frozen=True)
class Sabotage:
    """One hole: what it is, and what to replace in the app for it (file, find, put)."""

    name: str
    says: str
    changes: tuple[tuple[str, str, str], ...]


def sabotages() -> list[Sabotage]:
    """Read `sabotages.toml`."""
    file = LESSON.checkpoint / "sabotages.toml"
    return [
        Sabotage(
            one["name"],
            one["says"],
            tuple((change["file"], change["find"], change["put"]) for change in one["changes"]),
        )
        for one in tomllib.loads(file.read_text(encoding="utf-8"))["server"]
    ]


def build(sabotage: Sabotage, folder: Path) -> Path:
    """Write checkpoint 6's app with the hole in it. Returns its folder. Raises ValueError."""
    app = folder / sabotage.name / "app"
    shutil.copytree(LESSON.checkpoint / "app", app, ignore=shutil.ignore_patterns("__pycache__"))
    for name, find, put in sabotage.changes:
        text = (app / name).read_text(encoding="utf-8")
        if text.count(find) != 1:
            raise ValueError(f"{sabotage.name}: {name} does not hold once what is to be replaced.")
        (app / name).write_text(text.replace(find, put), encoding="utf-8")
    return app


@asynccontextmanager
async def running(
    apps: Sequence[Path], starter: Starter, issuer: Signing
) -> AsyncIterator[list[StudentServer]]:
    """Serve the apps while the block runs, all at once. Raises JudgeError."""
    environment = {"CHATKIT_MODEL": OFFLINE, "CHATKIT_PACE": "0", **issuer.environment}
    servers: list[StudentServer] = []
    try:
        servers += (StudentServer(app, starter, environment) for app in apps)
        await asyncio.gather(*(server.start() for server in servers))
        yield servers
    except CannotStart as error:
        raise JudgeError(f"A server for the tests did not start: {error}") from None
    finally:
        for server in servers:
            await server.close()


async def require_telling_tests(
    work: Path, starter: Starter, remark: Callable[[str], None]
) -> None:
    """Raise Failed unless the tests pass on the right servers and fail on each with a hole."""
    file = work / FILE
    holes = sabotages()
    tried = (
        f"Ran `work/{FILE}` against a right server, and against {len(holes)} servers that have one "
        "hole each."
    )
    _require_tests(file)
    tests = fingerprint(work)
    if tests not in _known:
        try:
            _known[tests] = await _run(file, holes, starter)
        except CannotRun as error:
            expected, misconception = _CANNOT_RUN[error.kind]
            raise Failed(
                tried=tried, observed=str(error), expected=expected, misconception=misconception
            ) from None
    told = _known[tests]
    _require_right(tried, told[:RIGHT])
    found = [outcome.failure is not None for outcome in told[RIGHT:]]
    remark(f"{sum(found)} of {len(holes)} told apart.")
    _require_told_apart(
        tried,
        [hole for hole, seen in zip(holes, found, strict=True) if not seen],
        len(told[0].passed),
    )


_known: dict[str, Sequence[Outcome]] = {}
"""What tests have told before, by their content: the work's own server has no part in it."""


async def _run(file: Path, holes: Sequence[Sabotage], starter: Starter) -> Sequence[Outcome]:
    """What the tests in the file say of the right servers, and then of each hole's. Raises CannotRun."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="workbook-")))
        issuer = await stack.enter_async_context(Signing())
        apps = [LESSON.checkpoint / "app"] * RIGHT + [build(hole, folder) for hole in holes]
        servers = await stack.enter_async_context(running(apps, starter, issuer))
        return await run_tests(
            file,
            [f"{server.base_url}{LESSON.path}" for server in servers],
            issuer,
            hidden=[folder, *(server.database.parent for server in servers)],
        )


_CANNOT_RUN = {
    "unreadable": (
        "pytest can read the file, and everything that it imports. There are pytest, httpx, PyJWT "
        "and cryptography.",
        "tests-unreadable",
    ),
    "none": (
        "A test is a function whose name begins with `test_`, at the beginning of a line or in a "
        "class whose name begins with `Test`.",
        "no-tests",
    ),
    "hang": ("Each test comes to its end by itself, and soon.", "tests-hang"),
    "gone": (
        "A test fails by an `assert`, and leaves the process alone: without `sys.exit` and its like, "
        "the other tests run too.",
        "tests-end-the-run",
    ),
}


def _require_tests(file: Path) -> None:
    """Raise Failed unless there is something to run, beyond what was there at the start."""
    tried = f"Read `work/{FILE}`."
    if not file.is_file():
        raise Failed(
            tried=tried,
            observed="It is not there.",
            expected=f"Your tests stand in `work/{FILE}`. `make reset-06` brings its beginning back, "
            "and keeps your work.",
            misconception="no-tests",
        )
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f"Line {line}: " if line else ""
        raise Failed(
            tried=tried,
            observed=f"Python cannot read it. {where}{getattr(error, 'msg', error)}.",
            expected="A file of Python with tests for pytest.",
            misconception="tests-unreadable",
        ) from None
    if _code(tree) == _code(ast.parse((LESSON.template / FILE).read_bytes())):
        raise Failed(
            tried=tried,
            observed="It holds the one test that was there at the start.",
            expected="Tests of your own: one for each attack in `threats.toml` that a test can show.",
            misconception="no-tests",
        )


def _code(tree: ast.Module) -> list[str]:
    """The statements, without the docstring at the top, comments and spaces."""
    body = tree.body[1:] if ast.get_docstring(tree) is not None else tree.body
    return [ast.dump(statement) for statement in body]


def _require_right(tried: str, told: Sequence[Outcome]) -> None:
    """Raise Failed unless all tests pass on the right servers."""
    failures = [outcome.failure for outcome in told if outcome.failure]
    if failures:
        unknown = re.search(r"fixture '(\w+)' not found", failures[0].why)
        chance = (
            "On one right server all tests passed; on another, " if len(failures) < RIGHT else ""
        )
        expected = "It needs the same servers to fail each time: no chance, no order, no clock."
        if unknown:
            expected = (
                f"`url` and `token` are given. `{unknown[1]}` you would have to define yourself."
            )
        raise Failed(
            tried=tried,
            observed=f"{chance or 'On the right server, '}{failures[0]}",
            expected=expected if unknown or chance else _EACH,
            misconception="tests-fail-by-chance" if chance else "tests-fail-on-right",
        )
    if not told[0].passed:
        raise Failed(
            tried=tried,
            observed=f"No test ran: {len(told[0].skipped)} were skipped.",
            expected=_EACH,
            misconception="no-tests",
        )


def _require_told_apart(tried: str, missed: Sequence[Sabotage], tests: int) -> None:
    """Raise Failed where all tests pass on a server with a hole."""
    if not missed:
        return
    passed = f"all your {tests} tests passed" if tests > 1 else "your one test passed"
    raise Failed(
        tried=tried,
        observed="\n".join(f"On a server that {hole.says}, {passed}." for hole in missed),
        expected="For each hole at least one test that fails. Try what the hole allows, and assert "
        "that it did not work: by the status, or by what the owner finds afterwards.",
        misconception=f"misses-{missed[0].name}",
    )
