"""`make attack-06`: what gets through is told, what cannot be reached too; nothing stays."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from checkpoints import attack
from checkpoints import lesson as lessons
from checkpoints.engine.server import StudentServer
from checkpoints.engine.warm import Starter, make_starter
from checkpoints.L06.attacks import OPERATIONS
from checkpoints.L06.sabotage import Sabotage, build, sabotages
from checkpoints.lesson import SUBMISSIONS
from shared.issuer.process import IssuerProcess
from tests.engine.clone import Clone

pytestmark = pytest.mark.slow

LESSON = lessons.load(6)
RIGHT = LESSON.checkpoint / "app"
AUDIENCE = "task-manager"
GETS_THROUGH = {
    "signature": "signature of another",
    "expiry": "expired ten minutes ago",
    "audience": "meant for another service",
    "header": "alice in X-Demo-User",
    "reading": "items.list",
    "writing": "threads.add_user_message",
    "deleting": "threads.delete",
    "existence": "threads.get_by_id",
}
BREAKS = Sabotage(
    "breaks",
    "meets an error where a token is no token",
    (
        (
            "auth.py",
            "except (jwt.PyJWTError, KeyError, ValueError):",
            "except jwt.InvalidTokenError:",
        ),
    ),
)


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    made = make_starter()
    yield made
    made.close()


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with IssuerProcess(AUDIENCE) as process:
        yield process.url


@asynccontextmanager
async def serving(app: Path, starter: Starter, issuer: str) -> AsyncIterator[str]:
    """Serve an app that believes the issuer. Yields the endpoint."""
    environment = {
        "CHATKIT_MODEL": "offline",
        "CHATKIT_PACE": "0",
        "CHATKIT_ISSUER": issuer,
        "CHATKIT_AUDIENCE": AUDIENCE,
    }
    server = StudentServer(app, starter, environment)
    try:
        await server.start()
        yield f"{server.base_url}{LESSON.path}"
    finally:
        await server.close()


@pytest.fixture
def told(issuer: str, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the command prints; it asks the issuer of these tests."""
    monkeypatch.setenv("CHATKIT_ISSUER", issuer)
    return io.StringIO()


def run(url: str, told: io.StringIO) -> bool:
    return attack.run(LESSON, url, Console(file=told, width=200))


def rows(told: io.StringIO, outcome: str) -> list[str]:
    return [line for line in told.getvalue().splitlines() if line.rstrip().endswith(outcome)]


async def test_nothing_gets_through_a_right_server_and_nothing_stays(
    starter: Starter, issuer: str, told: io.StringIO
) -> None:
    async with serving(RIGHT, starter, issuer) as url:
        assert not run(url, told)
        assert len(rows(told, "refused")) > 20
        assert not rows(told, "GOT THROUGH")
        assert f"Nothing got through, of {len(rows(told, 'refused'))} attacks." in told.getvalue()
        async with httpx.AsyncClient(trust_env=False) as http:
            signed = await http.post(f"{issuer}/token", json={"user": "alice"})
            answer = await http.post(
                url,
                json={"type": "threads.list", "params": {}},
                headers={"Authorization": f"Bearer {signed.json()['access_token']}"},
            )
            assert answer.json()["data"] == []


def test_each_hole_has_an_attack() -> None:
    assert {hole.name for hole in sabotages()} == set(GETS_THROUGH)


@pytest.mark.parametrize("hole", sabotages(), ids=lambda hole: hole.name)
async def test_what_gets_through_a_hole_is_told(
    hole: Sabotage, starter: Starter, issuer: str, told: io.StringIO, tmp_path: Path
) -> None:
    async with serving(build(hole, tmp_path), starter, issuer) as url:
        assert run(url, told)
    through = rows(told, "GOT THROUGH")
    assert any(GETS_THROUGH[hole.name] in row for row in through), told.getvalue()
    if hole.name in ("expiry", "audience", "reading", "writing", "deleting"):
        assert len(through) == 1, "and nothing else gets through"
    if hole.name == "existence":
        assert len(through) == len(OPERATIONS)
        assert "403; for a made-up id 404" in through[0]
    assert f"{len(through)} of " in told.getvalue()


@pytest.mark.parametrize(
    ("wrong", "row"),
    [
        ("key-from-an-address", "where to fetch the key to check it with (`jku`)"),
        ("key-from-the-token", "in its own header (`jwk`)"),
    ],
)
async def test_an_attackers_key_gets_through_to_who_lets_the_token_name_it(
    wrong: str, row: str, starter: Starter, issuer: str, told: io.StringIO, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    shutil.copytree(RIGHT, app, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SUBMISSIONS / LESSON.name / "wrong" / wrong / "app", app, dirs_exist_ok=True)
    async with serving(app, starter, issuer) as url:
        assert run(url, told)
    through = rows(told, "GOT THROUGH")
    assert len(through) == 1, told.getvalue()
    assert row in through[0]


async def test_an_error_is_no_refusal_and_no_success(
    starter: Starter, issuer: str, told: io.StringIO, tmp_path: Path
) -> None:
    async with serving(build(BREAKS, tmp_path), starter, issuer) as url:
        assert not run(url, told)
    broken = "\n".join(rows(told, "broke"))
    assert re.search(r"values that are no token +500", broken)
    assert re.search(r"made-up key ids +500", broken)
    assert "your server's window shows the error" in told.getvalue()


async def test_a_server_that_believes_somebody_else_says_nothing(
    starter: Starter, told: io.StringIO
) -> None:
    async with serving(RIGHT, starter, "http://127.0.0.1:9") as url:
        with pytest.raises(attack.AttackError, match=r"refuses alice's good token too \(401\)"):
            run(url, told)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/chatkit",
        "http://192.0.2.1:8006/chatkit",
        "http://127.0.0.1.example.com/chatkit",
        "http://localhost@example.com/chatkit",
        "http://127.0.0.1:99999/chatkit",
        "https://127.0.0.1/chatkit",
        "127.0.0.1:8006/chatkit",
        "file:///etc/passwd",
        " ",
    ],
)
def test_only_this_machine_is_attacked(
    url: str, told: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(attack.AttackError, match="is not on this machine"):
        run(url, told)
    monkeypatch.setenv("CHATKIT_ISSUER", url if url.strip() else "https://example.com")
    with pytest.raises(attack.AttackError, match="is not on this machine"):
        run("http://127.0.0.1:9/chatkit", told)


async def test_the_command_and_its_exit_status(
    clone: Clone, starter: Starter, issuer: str, tmp_path: Path
) -> None:
    nobody = clone.run("attack", "06", URL="http://127.0.0.1:9/chatkit", CHATKIT_ISSUER=issuer)
    assert (nobody.status, nobody.out) == (2, "")
    assert nobody.err == (
        "Nothing answers at http://127.0.0.1:9/chatkit. Type  make lesson-06  in another terminal "
        "first.\n"
    )
    unsigned = clone.run("attack", "06", CHATKIT_ISSUER="http://127.0.0.1:9")
    assert (unsigned.status, unsigned.out) == (2, "")
    assert "Nothing answers at http://127.0.0.1:9. Type  make lesson-06" in unsigned.err
    early = clone.run("attack", "05")
    assert (early.status, early.out) == (2, "")
    assert "make attack-06" in early.err
    async with serving(RIGHT, starter, issuer) as url:
        closed = clone.run("attack", "06", URL=url, CHATKIT_ISSUER=issuer)
        no_issuer = clone.run("attack", "06", URL=url, CHATKIT_ISSUER=url.removesuffix("/chatkit"))
    assert (closed.status, closed.err) == (0, "")
    assert no_issuer.status == 2
    assert "signs no tokens for alice and bob" in no_issuer.err
    async with serving(build(sabotages()[0], tmp_path), starter, issuer) as url:
        opened = clone.run("attack", "06", URL=url, CHATKIT_ISSUER=issuer)
    assert (opened.status, opened.err) == (1, "")
    assert "GOT THROUGH" in opened.out
