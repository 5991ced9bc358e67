"""A student's tests, run against servers: each kind is judged for what it is, and stays where it is."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from textwrap import dedent

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from checkpoints.engine import student_tests
from checkpoints.engine.local import LocalServer
from checkpoints.engine.student_tests import CannotRun, Outcome, Signing, run_tests

pytestmark = pytest.mark.slow

RIGHT, ALSO_RIGHT, OPEN = range(3)
CLOSED = "assert httpx.get(url).status_code == 401"


class Door(LocalServer):
    """A server that wants to see a token; or one that does not."""

    def __init__(self, *, open_to_all: bool) -> None:
        super().__init__()
        self.open_to_all = open_to_all

    def app(self) -> Starlette:
        async def enter(request: Request) -> Response:
            let_in = self.open_to_all or "authorization" in request.headers
            return PlainTextResponse("", 200 if let_in else 401)

        return Starlette(routes=[Route("/", enter)])


Run = Callable[..., Awaitable[list[Outcome]]]


@pytest_asyncio.fixture
async def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Run]:
    """Write tests, and run them against two right servers and an open one. Nothing stays behind."""
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    async with AsyncExitStack() as stack:
        issuer = await stack.enter_async_context(Signing())
        doors = [
            await stack.enter_async_context(Door(open_to_all=number == OPEN)) for number in range(3)
        ]

        async def run(source: str, hidden: Path | None = None, **beside: str) -> list[Outcome]:
            work = tmp_path / "work"
            work.mkdir(exist_ok=True)
            for name, text in {"test_attacks": source, **beside}.items():
                (work / f"{name}.py").write_text(f"import httpx, pytest\n{dedent(text)}")
            before = {file: file.read_bytes() for file in work.rglob("*")}
            try:
                return await run_tests(
                    work / "test_attacks.py",
                    [f"{door.address}/" for door in doors],
                    issuer,
                    hidden=[hidden] if hidden else [],
                )
            finally:
                assert {file: file.read_bytes() for file in work.rglob("*")} == before
                assert not list(elsewhere.iterdir())

        yield run


def failed(outcomes: list[Outcome]) -> list[bool]:
    return [outcome.failure is not None for outcome in outcomes]


TELLING = {
    "plain": f"def test_door(url): {CLOSED}",
    "async": """
        async def test_door(url):
            async with httpx.AsyncClient() as http:
                assert (await http.get(url)).status_code == 401
    """,
    "in a class": f"""
        class TestDoor:
            def test_door(self, url): {CLOSED}
    """,
    "in a unittest": """
        import unittest
        class Door(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def where(self, url): self.url = url
            def test_door(self): self.assertEqual(httpx.get(self.url).status_code, 401)
    """,
    "parametrized": f"""
        @pytest.mark.parametrize("times", [1, 2])
        def test_door(url, times): {CLOSED}
    """,
    "with fixtures of its own": """
        @pytest.fixture(scope="module")
        async def answer(url):
            async with httpx.AsyncClient() as http:
                return await http.get(url)
        def test_door(answer): assert answer.status_code == 401
    """,
    "remembering what it saw": """
        seen = {}
        def look(url): return seen.setdefault("status", httpx.get(url).status_code)
        def test_door(url): assert look(url) == 401
    """,
    "that makes every report a good one": f"""
        from _pytest.reports import TestReport
        TestReport.failed = property(lambda _: False)
        TestReport.passed = property(lambda _: True)
        def test_door(url): {CLOSED}
    """,
    "with a token": """
        def test_door(url, token):
            headers = {"Authorization": f"Bearer {token('alice', lifetime=-60, aud=None)}"}
            assert httpx.get(url, headers=headers).status_code == 200
            assert httpx.get(url).status_code == 401
    """,
}


@pytest.mark.parametrize("kind", TELLING)
async def test_all_ways_to_write_a_test_tell_the_servers_apart(kind: str, run: Run) -> None:
    outcomes = await run(TELLING[kind])
    assert failed(outcomes) == [False, False, True]
    assert outcomes[RIGHT].passed == outcomes[ALSO_RIGHT].passed != []


async def test_what_stands_beside_the_tests_can_be_imported(run: Run) -> None:
    outcomes = await run(
        "from helper import door\ndef test_door(url, wanted): assert door(url) == wanted",
        helper="def door(url): return httpx.get(url).status_code",
        conftest="@pytest.fixture\ndef wanted(): return 401",
    )
    assert failed(outcomes) == [False, False, True]


async def test_a_token_says_what_was_asked_for(run: Run) -> None:
    outcomes = await run("""
        import jwt, time, datetime
        def claims(token): return jwt.decode(token, options={"verify_signature": False})
        def test_claims(token):
            assert claims(token("zoe"))["sub"] == "zoe"
            assert claims(token("zoe", lifetime=-60))["exp"] < time.time() - 50
            assert claims(token("zoe", aud=["a", "b"], sub=7))["aud"] == ["a", "b"]
            assert "iss" not in claims(token("zoe", iss=None))
            assert claims(token("zoe", nbf=datetime.datetime(2100, 1, 1)))["nbf"] > 4e9
    """)
    assert failed(outcomes) == [False] * 3


SHOWING_NOTHING = {
    "that always fails": ("def test_x(url): assert 1 == 2", True),
    "that always passes": ("def test_x(url): assert True", False),
    "that prints": ("def test_x(url): print('PASSED\\n' * 10**6)", False),
    "that ends itself": ("import sys\ndef test_x(url): sys.exit(0)", True),
}


@pytest.mark.parametrize("kind", SHOWING_NOTHING)
async def test_a_test_is_the_same_on_each_server(kind: str, run: Run) -> None:
    source, fails = SHOWING_NOTHING[kind]
    outcomes = await run(source)
    assert failed(outcomes) == [fails] * 3


async def test_order_tells_nothing(run: Run) -> None:
    """Whoever counts the servers finds that any of them may be the first."""
    first: set[int] = set()
    while len(first) < 3:
        outcomes = await run("""
            import sys
            def test_first(url):
                sys.count = getattr(sys, "count", 0) + 1
                assert sys.count == 1
        """)
        assert sorted(failed(outcomes)) == [False, True, True]
        first.add(failed(outcomes).index(False))


FORBIDDEN = {
    "end the process that started it": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "end everything": "import os, signal; os.kill(-1, signal.SIGKILL)",
    "fork": "import os; os.fork()",
    "start a shell": "import subprocess; subprocess.run(['true'])",
    "use a shell": "import os; os.system('true')",
    "load a library": "import ctypes; ctypes.CDLL(None).getpid()",
    "reach another machine": "httpx.get('http://192.0.2.1/')",
    "look a name up": "import socket; socket.gethostbyname('name.example')",
    "look into another process": "import os; open(f'/proc/{os.getppid()}/environ').read()",
    "look into a server's files": "import os; os.listdir(HIDDEN)",
    "read a server's files": "open(HIDDEN + '/secret').read()",
    "read a server's database": "import sqlite3; sqlite3.connect(HIDDEN + '/chatkit.db')",
    "fill the disk": "open('big', 'wb').write(bytes(20 << 20))",
    "take all memory": "bytearray(8 << 30)",
}


@pytest.mark.parametrize("what", FORBIDDEN)
async def test_what_a_test_may_not_do(what: str, run: Run, tmp_path: Path) -> None:
    hidden = tmp_path / "server"
    hidden.mkdir()
    (hidden / "secret").write_text("which one I am")
    source = f"HIDDEN = {str(hidden)!r}\ndef test_x(url):\n    {FORBIDDEN[what]}"
    outcomes = await run(source, hidden)
    assert failed(outcomes) == [True] * 3
    failure = outcomes[RIGHT].failure
    assert failure
    assert failure.line == 4


async def test_no_secret_is_in_its_environment(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-teacher")
    source = "import os\ndef test_x(): assert 'sk-of-the-teacher' not in str(dict(os.environ))"
    assert failed(await run(source)) == [False] * 3
    assert os.environ["OPENAI_API_KEY"] == "sk-of-the-teacher"


CANNOT_RUN = {
    "def test_x(url) assert True": ("unreadable", "SyntaxError"),
    "import nothing_of_this_name": ("unreadable", "nothing_of_this_name"),
    "raise ValueError('no')": ("unreadable", "ValueError: no"),
    "def helper(): pass": ("none", "no test"),
    "import sys; sys.exit(0)": ("gone", "While they were read"),
    "def test_x(): pytest.exit('bye', 0)": ("gone", "test_x"),
    "def test_x(): pytest.exit('bye')": ("gone", "In `test_x`"),
    "import os\ndef test_x(url): os._exit(0)": ("gone", "In `test_x`"),
    "import os, signal\ndef test_x(): os.kill(os.getpid(), signal.SIGKILL)": (
        "gone",
        "In `test_x`",
    ),
    "def test_x():\n    while True: pass": ("hang", "`test_x` was not done after"),
    "import time\ndef test_x(): time.sleep(10**6)": ("hang", "`test_x` was not done after"),
    "import asyncio\nasync def test_x(): await asyncio.sleep(10**6)": ("hang", "`test_x` was not"),
    "import signal\nsignal.alarm(1)\nwhile True: pass": ("gone", "While they were read"),
}


@pytest.mark.parametrize("source", CANNOT_RUN)
async def test_what_cannot_be_run_is_said(
    source: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, words = CANNOT_RUN[source]
    if kind == "hang":
        monkeypatch.setattr(student_tests, "SILENCE_SECONDS", 2.0)
    with pytest.raises(CannotRun) as told:
        await run(source)
    assert told.value.kind == kind
    assert words in str(told.value)
    assert str(told.value).endswith(".")


async def test_facts_that_a_test_makes_up_break_nothing(run: Run) -> None:
    outcomes = await run("""
        import json, sys
        def test_x(url):
            facts = int(sys.argv[-1]) if sys.argv[-1].isdigit() else 3
            for fact in ([], 7, {"server": 99}, {"server": True, "test": 1}, {"server": 0, "test": "x"},
                         {"server": 0, "test": "x", "outcome": "failed", "why": "no", "line": []}):
                import os; os.write(facts, json.dumps(fact).encode() + b"\\n")
            os.write(facts, b"[" * 10**5 + b"\\n")
    """)
    assert len(outcomes) == 3
