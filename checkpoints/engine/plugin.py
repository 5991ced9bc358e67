"""The pytest plugin that gives checks their fixtures and turns their outcomes into verdicts.

`pytest checkpoints/L02` judges the checkpoint itself, `--submission FOLDER` (a folder `app`) other
work; several are judged one after another. `judge.py` runs the same for the CLI.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from checkpoints import lesson as lessons
from checkpoints.engine.client import ChatKit
from checkpoints.engine.identity import Identity
from checkpoints.engine.provider import Provider
from checkpoints.engine.server import CannotStart, StudentServer, student_position
from checkpoints.engine.verdict import (
    CheckInfo,
    Failed,
    NotJudged,
    Report,
    Verdict,
    in_other_words,
    student_traceback,
)
from checkpoints.engine.warm import JudgeError, Starter, make_starter
from checkpoints.engine.words import Words

STUCK = {"hanging-stream", "no-answer", "endless-stream", "start-hang"}
"""Misconceptions after which the server's position tells something, and its process is useless."""

BROKEN = {"broken-stream", "server-gone"}
"""Misconceptions that may come from a process which has ended."""


@dataclass(frozen=True)
class Job:
    """One submission to judge: its folder `app`, and the name it is reported under.

    `work`: the folder of what is written in words; the one beside `app`, unless it is given.
    `tries`: the wrong answers so far, by question, which a check adds to; without it nothing is
    ever given away.
    """

    app: Path
    name: str
    work: Path | None = None
    tries: dict[str, list[str]] | None = field(default=None, compare=False)


@dataclass
class Session:
    """What the CLI hands to the plugin and gets back. `pytest checkpoints/L02` makes its own."""

    jobs: list[Job]
    seed: int
    reports: dict[str, Report]
    starter: Starter | None = None
    broken: BaseException | None = None  # what ended the run, where that is no verdict
    on_verdict: Callable[[Report, Verdict], None] = lambda report, verdict: None


_session = pytest.StashKey[Session]()
_remark = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("workbook")
    group.addoption("--submission", action="append", default=[], help="a folder `app` to judge")
    group.addoption("--seed", type=int, default=None, help="of the random words")


class Handover:
    """A plugin that gives pytest the session which the CLI made."""

    def __init__(self, session: Session) -> None:
        self._given = session

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.stash[_session] = self._given

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._given.broken = JudgeError(report.longreprtext)

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        if excinfo.type is KeyboardInterrupt:  # and none of pytest's own, which derive from it
            self._given.broken = excinfo.value


def pytest_configure(config: pytest.Config) -> None:
    if _session not in config.stash:
        jobs = [Job(Path(given).resolve(), given) for given in config.getoption("submission")]
        seed = config.getoption("seed")
        config.stash[_session] = Session(
            jobs, random.randrange(10**6) if seed is None else seed, {}
        )


def pytest_report_header(config: pytest.Config) -> str:
    return f"words from seed {config.stash[_session].seed}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if _is_check(metafunc.function):
        jobs = metafunc.config.stash[_session].jobs
        if not jobs:
            app = Path(metafunc.module.__file__ or "").parent / "app"
            jobs = [Job(app, app.parent.name)]
        metafunc.parametrize("job", jobs, ids=[job.name for job in jobs], scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if _is_check(getattr(item, "function", None)):
            # One event loop for all: the provider and the connections live in it.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _is_check(function: Any) -> bool:
    return hasattr(function, "check_info")


# Outcomes


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if not isinstance(item, pytest.Function) or not _is_check(item.function):
        return
    report = _report_of(item)
    outcomes = {verdict.name: verdict for verdict in report.verdicts}
    for needed in item.function.check_info.needs:
        if needed in outcomes and outcomes[needed].outcome not in ("passed", "not judged"):
            pytest.skip(f"It needs “{outcomes[needed].title}” to pass first.")


def _report_of(item: pytest.Function) -> Report:
    session = item.config.stash[_session]
    job = item.callspec.params["job"]
    assert isinstance(job, Job)
    number = lessons.parse_number(item.path.parent.name)
    return session.reports.setdefault(job.name, Report(number, job.name, seed=session.seed))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    result = yield
    if not isinstance(item, pytest.Function) or not _is_check(item.function):
        return result
    session = item.config.stash[_session]
    try:
        _note(item, call, session)
    except BaseException as error:
        session.broken = error
        raise
    return result


def _note(item: pytest.Function, call: pytest.CallInfo[None], session: Session) -> None:
    """Turn what a phase of a check came to into a verdict, where it is one."""
    error = call.excinfo.value if call.excinfo else None
    if call.when == "call" or (call.when == "setup" and error):
        report = _report_of(item)
        if isinstance(error, CannotStart):
            known = any(one.misconception == f"start-{error.kind}" for one in report.failures)
            # One cause, one red check: what comes after it finds no server either.
            error = pytest.skip.Exception(str(error)) if known else _not_starting(error)
        verdict = _verdict(item, error)
        if verdict.outcome == "failed" and "server" in item.funcargs:
            _add_what_the_server_says(verdict, item.funcargs["server"])
        report.verdicts.append(verdict)
        session.on_verdict(report, verdict)
    elif error:  # the tear-down of a fixture: ours to mend
        raise error


def _verdict(item: pytest.Function, error: BaseException | None) -> Verdict:
    info: CheckInfo = item.function.check_info
    title = (item.function.__doc__ or item.originalname).strip().splitlines()[0].rstrip(".")
    verdict = Verdict(item.originalname, title, "passed", info)
    verdict.remark = item.stash.get(_remark, None)
    match error:
        case None:
            pass
        case Failed():
            verdict.outcome = "failed"
            verdict.tried, verdict.observed = error.tried, error.observed
            verdict.expected, verdict.misconception = error.expected, error.misconception
            verdict.slips = error.slips
        case NotJudged():
            verdict.outcome, verdict.reason = "not judged", str(error)
        case pytest.skip.Exception():
            verdict.outcome, verdict.reason = "not reached", str(error.msg)
        case _:
            raise error  # a fault of the engine is no verdict on the student
    return verdict


def _add_what_the_server_says(verdict: Verdict, server: object) -> None:
    assert isinstance(server, StudentServer)
    stuck = verdict.misconception in STUCK
    if stuck:
        server.process.show_where_it_stands()
    elif verdict.misconception in BROKEN and (ending := server.process.ending(within=1.0)):
        verdict.observed = f"{verdict.observed} Your server is gone: {ending}."
    log = server.new_log()
    verdict.traceback = student_traceback(log)
    if verdict.traceback and (said := in_other_words(verdict.traceback)):
        verdict.observed = f"{verdict.observed} {said}"
    if stuck:
        if position := student_position(log):
            verdict.observed = f"{verdict.observed} Your code stood at {position}."
        server.process.kill()  # so that the next check finds a server that answers


# Fixtures


@pytest.fixture(scope="session")
def starter(request: pytest.FixtureRequest) -> Iterator[Starter]:
    """What starts server processes. A session's own is closed by whoever gave it."""
    session = request.config.stash[_session]
    if session.starter is not None:
        yield session.starter
        return
    made = make_starter(os.environ)
    yield made
    made.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def provider() -> AsyncIterator[Provider]:
    """The model's provider, played on this machine."""
    async with Provider() as double:
        yield double


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def identity() -> AsyncIterator[Identity]:
    """The identity provider whose tokens the server is told to believe, played on this machine."""
    async with Identity() as double:
        yield double


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def server(
    job: Job, starter: Starter, provider: Provider, identity: Identity
) -> AsyncIterator[StudentServer]:
    """The submission's server, one for all checks; not started yet."""
    environment = {**provider.environment, **identity.environment}
    student = StudentServer(job.app, starter, environment)
    yield student
    await student.close()


@pytest.fixture
def work(job: Job) -> Path:
    """The folder of what the student has written in words. It may be missing."""
    return job.work or job.app.parent / "work"


@pytest.fixture
def tries(job: Job) -> dict[str, list[str]] | None:
    """The wrong answers so far, by question; None where nothing is to be given away."""
    return job.tries


@pytest.fixture
def remark(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say something beside the check's line, passed or not."""

    def say(sentence: str) -> None:
        request.node.stash[_remark] = sentence

    return say


@pytest.fixture
def words(request: pytest.FixtureRequest) -> Words:
    """Fresh words, other ones in every check."""
    seed = request.config.stash[_session].seed
    return Words(random.Random(f"{seed} {request.node.originalname}"))


@pytest_asyncio.fixture(loop_scope="session")
async def model(provider: Provider) -> Provider:
    """The provider, with the memory of earlier checks wiped."""
    provider.forget()
    return provider


class Lab:
    """The running server and the people at it. A check gets one and acts through it."""

    def __init__(
        self, server: StudentServer, identity: Identity, path: str, stack: AsyncExitStack
    ) -> None:
        self.server = server
        self.identity = identity
        self._path = path
        self._stack = stack

    async def person(self, name: str) -> ChatKit:
        """A client of one person, with a connection of their own."""
        http = await self._stack.enter_async_context(
            httpx.AsyncClient(
                base_url=self.server.base_url,
                timeout=httpx.Timeout(30.0),
                trust_env=False,
                verify=False,  # plain HTTP; reading the certificates takes 20 ms
            )
        )
        return ChatKit(http, self._path, name, self.identity.token(name))


@pytest_asyncio.fixture(loop_scope="session")
async def lab(
    request: pytest.FixtureRequest, server: StudentServer, model: Provider, identity: Identity
) -> AsyncIterator[Lab]:
    """The submission's server, running: a check that killed it does not spoil the next one."""
    server.new_log()  # what earlier checks left
    if not server.process.running:
        await server.start()
    number = lessons.parse_number(request.path.parent.name)
    async with AsyncExitStack() as stack:
        yield Lab(server, identity, lessons.load(number).path, stack)


@pytest_asyncio.fixture(loop_scope="session")
async def alice(lab: Lab) -> ChatKit:
    return await lab.person("alice")


@pytest_asyncio.fixture(loop_scope="session")
async def bob(lab: Lab) -> ChatKit:
    return await lab.person("bob")


def _not_starting(error: CannotStart) -> Failed:
    expected = {
        "unreadable": "Every file of `app/` can be read.",
        "syntax": "Python can read every file of `app/`.",
        "import": "`app/main.py` can be imported: the server runs `app.main:app`.",
        "app": "`app/main.py` defines `app`, a FastAPI application: the server runs `app.main:app`.",
        "exit": "`app/main.py` only defines `app`. The server imports it, so nothing in it may end "
        'the process, and `uvicorn.run` stands behind `if __name__ == "__main__":`, if at all.',
        "startup": "The application starts without an error in its lifespan.",
    }.get(error.kind, "Importing `app/main.py` defines `app` and is done in an instant.")
    return Failed(
        tried="Started your server: imported `app.main` and took `app` from it.",
        observed=f"It did not start: {error}.",
        expected=expected,
        misconception=f"start-{error.kind}",
    )
