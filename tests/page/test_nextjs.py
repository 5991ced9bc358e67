"""The Next.js example of lesson 7 is a backend-for-frontend too: it streams, stops and refuses."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from checkpoints.lesson import CHECKPOINTS, ROOT
from shared.issuer.process import IssuerProcess
from tests.page.conftest import serving
from tests.page.nextjs import SECONDS, Backend, build, running, signed_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built() -> Path:
    return build()


@pytest.fixture(scope="module")
def backend() -> Backend:
    return Backend()


@pytest.fixture(scope="module")
def address(built: Path, backend: Backend) -> Iterator[str]:
    with (
        serving(backend.app()) as url,
        running(built, BACKEND_URL=url, CHATKIT_ISSUER=url) as address,
    ):
        yield address


def test_an_answer_arrives_word_by_word_and_stop_reaches_the_backend(
    address: str, backend: Backend
) -> None:
    with signed_in(address, "good") as client:
        backend.next_word.release()  # Next.js sends the headers with the first of the body
        with client.stream("POST", "/api/chatkit", json={"type": "threads.create"}) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            arriving = answer.iter_lines()
            for number in range(5):
                assert next(line for line in arriving if line) == f"data: {number}"
                backend.next_word.release()  # only now the next one can be said
            assert not backend.hung_up.is_set()
        assert backend.hung_up.wait(SECONDS), "the backend goes on for nobody"
    assert backend.tokens[-1] == "Bearer good"


def test_no_script_can_read_the_cookie(address: str) -> None:
    with signed_in(address, "good") as client:
        answer = client.post("/api/login", json={"user": "good"})
        cookie = answer.headers["set-cookie"].lower()
        assert {"httponly", "samesite=lax", "path=/"} <= set(cookie.split("; "))
        assert "secure" not in cookie
        https = client.post(
            "/api/login", json={"user": "good"}, headers={"X-Forwarded-Proto": "https"}
        )
        assert "secure" in https.headers["set-cookie"].lower()
        assert client.post("/api/logout", json={}).status_code == 204
        assert client.post("/api/chatkit", json={"type": "threads.list"}).status_code == 401
    with httpx.Client(base_url=address, timeout=SECONDS) as client:
        assert client.post("/api/login", json={"user": "nobody"}).status_code == 400


def test_a_refusal_stays_one(address: str, backend: Backend) -> None:
    with signed_in(address, "old") as client:
        refused = client.post("/api/chatkit", json={"type": "threads.create"})
        assert (refused.status_code, refused.json()) == (401, {"detail": "Sign in again."})
        assert refused.headers["www-authenticate"] == "Bearer"
    asked = len(backend.tokens)
    stranger = httpx.post(f"{address}/api/chatkit", json={"type": "threads.list"}, timeout=SECONDS)
    assert stranger.status_code == 401
    assert len(backend.tokens) == asked


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
@pytest.mark.parametrize("path", ["/api/chatkit", "/api/login", "/api/logout"])
def test_another_sites_page_is_refused(
    address: str, backend: Backend, path: str, headers: dict[str, str], status: int
) -> None:
    with signed_in(address, "good") as client:
        asked = len(backend.tokens)
        body = '{"type": "threads.list", "user": "good"}'
        sent = {"Content-Type": "application/json"} | headers
        assert client.post(path, content=body, headers=sent).status_code == status
        assert len(backend.tokens) == asked


def test_a_backend_that_is_down_is_said(built: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with running(built, BACKEND_URL=nowhere, CHATKIT_ISSUER=nowhere) as address:
            answer = httpx.post(f"{address}/api/login", json={"user": "good"}, timeout=SECONDS)
            assert answer.status_code == 503
            cookies = {"session": "good"}
            answer = httpx.post(f"{address}/api/chatkit", json={}, cookies=cookies, timeout=SECONDS)
            assert (answer.status_code, "cannot be reached" in answer.text) == (502, True)


def test_the_page_talks_to_the_checkpoints_server(
    built: Path, browser: Browser, tmp_path: Path
) -> None:
    with IssuerProcess("task-manager") as issuer, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "CHATKIT_ISSUER": issuer.url,
            "CHATKIT_DATABASE": str(tmp_path / "chatkit.db"),
            "CHATKIT_PACE": "0",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "app.main:app", "--fd", str(listening.fileno())],
            cwd=CHECKPOINTS / "L07",
            env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            pass_fds=[listening.fileno()],
        )
        try:
            with running(built, BACKEND_URL=url, CHATKIT_ISSUER=issuer.url) as address:
                page = browser.new_page()
                page.set_default_timeout(SECONDS * 1000)
                expect.set_options(timeout=SECONDS * 1000)
                problems: list[str] = []
                page.on("pageerror", lambda error: problems.append(str(error)))
                page.goto(address)
                page.get_by_role("button", name="Sign in as alice").click()
                box = page.get_by_role("textbox", name="Message", exact=True)
                expect(box).to_be_enabled()
                box.fill("Add a task: buy milk")
                box.press("Enter")
                answer = page.get_by_role("group", name="Assistant", exact=True).last
                expect(answer).to_contain_text("buy milk")
                assert "session" not in page.evaluate("document.cookie")
                page.get_by_role("button", name="Sign out").click()
                expect(page.get_by_role("button", name="Sign in as bob")).to_be_visible()
                assert not problems
                page.close()
        finally:
            process.kill()
            process.wait()
