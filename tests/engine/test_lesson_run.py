"""`make lesson-NN`: a server that is served anew after each save, and ends in good order."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from checkpoints import lesson as lessons
from checkpoints import page
from checkpoints.engine.provider import Gate, Provider, Say
from checkpoints.run import ISSUER_PORTS
from checkpoints.setup import node
from tests.engine.clone import ROOT, SECONDS, Clone, finish, survivors
from tests.engine.hostile import NO_ROUTE

pytestmark = pytest.mark.slow

Json = dict[str, Any]


class Running:
    """A `lesson` process: what it prints, and a client for its server."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS)
        self.lines: list[str] = []
        self._read = 0
        self._came = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._loop.call_soon_threadsafe(self._came.set)

    async def says(self, sign: str) -> str:
        """Wait for a line with this sign, behind the last one that was waited for."""
        async with asyncio.timeout(SECONDS):
            while True:
                while self._read < len(self.lines):
                    self._read += 1
                    if sign in self.lines[self._read - 1]:
                        return self.lines[self._read - 1]
                self._came.clear()
                await self._came.wait()

    async def interrupt(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Press Ctrl-C. Returns exit status and what was said on stderr."""
        os.killpg(self.process.pid, number)
        assert self.process.stderr
        said = await asyncio.to_thread(self.process.stderr.read)
        status = await asyncio.to_thread(self.process.wait, SECONDS)
        await self.says("Stopped.")
        return status, said

    async def ask(self, operation: str, **params: Any) -> Json:
        response = await self.http.post("/chatkit", json={"type": operation, "params": params})
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found

    async def talk(self, text: str) -> list[Json]:
        """The events of a first message."""
        response = await self.http.post("/chatkit", json=message(text))
        assert response.status_code == 200, response.text
        return [json.loads(one[6:]) for one in response.text.split("\n\n") if one[:1] == "d"]


def message(text: str) -> Json:
    content = [{"type": "input_text", "text": text}]
    said = {"content": content, "attachments": [], "inference_options": {}}
    return {"type": "threads.create", "params": {"input": said}}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


Start = Callable[..., Running]


@pytest.fixture
async def start(clone: Clone, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts lessons in the clone, whose own work is the reference."""
    shutil.copytree(clone.checkpoint, clone.app, dirs_exist_ok=True)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    begun: list[Running] = []

    def start(command: str = "lesson", **environment: str) -> Running:
        port = free_port()
        given = {"PORT": str(port), "CHATKIT_PACE": "0", "TMPDIR": str(temporary), **environment}
        begun.append(Running(clone.start(command, "02", **given), port))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.wait()
        await one.http.aclose()


def add_route(app: Path, number: int) -> None:
    """Save a change: `/version` says the number, `/end` ends the process."""
    code = (ROOT / "checkpoints" / "L02" / "app" / "main.py").read_text()
    code += (
        "\n\n@app.get('/version')\n"
        f"async def version() -> int:\n    return {number}\n"
        "\n\n@app.get('/end')\n"
        "async def end() -> None:\n    import os\n    os._exit(3)\n"
    )
    (app / "main.py").write_text(code)


async def test_from_the_banner_to_ctrl_c(start: Start, clone: Clone, tmp_path: Path) -> None:
    lesson = start()
    await lesson.says("Connecting your first agent")
    address = str(lesson.http.base_url)
    assert f"{address}/" in await lesson.says("  open ")
    assert "lessons/L02/README.md" in await lesson.says("  read ")
    assert not [line for line in lesson.lines if "sign in" in line]
    assert "lessons/L02/app" in await lesson.says("  code ")
    assert "offline" in await lesson.says("  model ")
    banner = "\n".join(lesson.lines)
    await lesson.says("Ctrl-C stops.")
    said = " ".join("\n".join(lesson.lines).split())
    for number, thing in enumerate(lessons.load(2).things_to_try, 1):
        assert f"{number}. {thing}" in said
    assert "\x1b" not in banner

    page = await lesson.http.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    events = await lesson.talk("Hello!")
    assert events[-1]["item"]["type"] == "assistant_message"

    # A save: nobody is turned away meanwhile, and nothing that was said is lost.
    served = asyncio.Queue[int]()

    async def visit() -> None:
        while True:
            async with httpx.AsyncClient(base_url=address, timeout=SECONDS) as visitor:
                try:
                    served.put_nowait((await visitor.get("/version")).status_code)
                except httpx.ConnectError:
                    served.put_nowait(0)
                except httpx.TransportError:
                    pass  # it was being answered when the old server ended

    visiting = asyncio.create_task(visit())
    assert await served.get() == 404
    add_route(clone.app, 1)
    await lesson.says("Saved, and served again after")
    while (status := await served.get()) != 200:
        assert status == 404, "a connection was refused"
    visiting.cancel()
    assert (await lesson.http.get("/version")).json() == 1
    assert len((await lesson.ask("threads.list"))["data"]) == 1

    # A server that ends is noticed, and the next save brings it back.
    with pytest.raises(httpx.TransportError):
        await lesson.http.get("/end")
    assert "exit code 3" in await lesson.says("The server is gone")
    add_route(clone.app, 2)
    await lesson.says("Saved, and served again after")
    assert (await lesson.http.get("/version")).json() == 2

    # So is another folder in the place of this one.
    assert clone.run("reset", "02").status == 0
    await lesson.says("Saved, and served again after")
    assert (await lesson.http.post("/chatkit", json=message("Hello!"))).status_code == 404
    shutil.copytree(clone.checkpoint, clone.app, dirs_exist_ok=True)
    await lesson.says("Saved, and served again after")
    assert len((await lesson.ask("threads.list"))["data"]) == 1

    assert await lesson.interrupt() == (0, "")
    assert survivors(tmp_path / "tmp") == []
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not [*clone.app.rglob("__pycache__")]


async def test_a_syntax_error_is_said_and_the_next_save_mends_it(
    start: Start, clone: Clone
) -> None:
    """In a folder of any name, such as the one that somebody sent."""
    hers = clone.app.rename(clone.root / "her work")
    (hers / "main.py").write_text("app = [/red]\n")
    lesson = start(SUBMISSION="her work")
    said = await lesson.says("The server did not start")
    assert "SyntaxError" in said
    await lesson.says("Mend it and save")
    waiting = asyncio.create_task(lesson.http.get("/version"))
    add_route(hers, 1)
    await lesson.says("Saved, and served again after")
    assert (await waiting).json() == 1, "who came meanwhile has waited"
    assert await lesson.interrupt(signal.SIGHUP) == (0, ""), "the window was closed"


async def test_the_users_environment_counts_and_an_open_stream_may_end(
    start: Start, tmp_path: Path
) -> None:
    gate = Gate()
    async with Provider() as provider:
        provider.reply(lambda call: Say("One two three.", gate))
        own = {
            "OPENAI_BASE_URL": provider.base_url,
            "OPENAI_API_KEY": "sk-the-users-own",
            "CHATKIT_MODEL": "the-users-own",
        }
        lesson = start(**own)
        assert "the-users-own" in await lesson.says("  model ")
        async with lesson.http.stream("POST", "/chatkit", json=message("Hello!")) as response:
            gate.allow()
            async for text in response.aiter_text():
                if "One" in text:
                    break
            call = await provider.called()
            assert call.user_texts == ["Hello!"]
            assert call.body["model"] == "the-users-own"
            assert call.headers["authorization"] == "Bearer sk-the-users-own"
            assert await lesson.interrupt() == (0, "")
        assert survivors(tmp_path / "tmp") == []

        again = start(FROM="checkpoint", WORKBOOK_FORK="0", **own)
        assert "checkpoints/L02/app" in await again.says("  code ")
        await again.says("Ctrl-C stops.")
        [thread] = (await again.ask("threads.list"))["data"]
        items = (await again.ask("items.list", thread_id=thread["id"]))["data"]
        assert "Hello!" in json.dumps(items), "what was said is kept"
        assert await again.interrupt() == (0, "")


async def test_a_mistake_runs_too(start: Start, clone: Clone) -> None:
    (clone.app / "main.py").write_text("raise SystemExit('this is not what was asked for')\n")
    lesson = start(FROM="mistake:buffered")
    assert "wrong/buffered/app" in await lesson.says("  code ")
    await lesson.says("Ctrl-C stops.")
    assert (await lesson.talk("Hello!"))[-1]["item"]["type"] == "assistant_message"
    assert await lesson.interrupt() == (0, "")


async def test_watch_judges_again_after_each_save(
    start: Start, clone: Clone, tmp_path: Path
) -> None:
    (clone.app / "main.py").write_text("")
    watching = start("watch")
    await watching.says("Lesson 02")
    (clone.app / "main.py").write_text("app = 5\n")  # while the first round goes on
    await watching.says("Judged in")
    assert "is of type int" in await watching.says("observed")
    await watching.says("Judged in")
    (clone.app / "main.py").write_text(NO_ROUTE)
    assert "404" in await watching.says("observed")
    await watching.says("Judged in")
    assert json.loads(clone.progress.read_text())["L02"]["score"][0] == 1
    assert await watching.interrupt() == (0, "")
    assert survivors(tmp_path / "tmp") == []


def test_a_port_that_is_taken_is_said_with_another_one(shared_clone: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = finish(shared_clone.start("lesson", "02", PORT=str(port)))
    assert (result.status, result.out) == (2, "")
    assert f"Port {port} is taken" in result.err
    assert f"PORT={port + 10 if port < 65_000 else 8012} " in result.err


def with_issuer(clone: Clone) -> int:
    """Let lesson 2 need an identity provider. Returns the port that it is to be found at."""
    toml = clone.root / "checkpoints" / "L02" / "lesson.toml"
    toml.write_text("issuer = true\n" + toml.read_text())
    port = free_port()  # in the place of 8102, where a lesson of somebody's may be running
    run = clone.root / "checkpoints" / "run.py"
    old = f"ISSUER_PORTS = {ISSUER_PORTS}"
    assert old in run.read_text()
    run.write_text(run.read_text().replace(old, f"ISSUER_PORTS = {port - 2}"))
    with (clone.app / "main.py").open("a") as main:
        main.write(
            "\n\n@app.get('/issuer')\n"
            "async def issuer() -> str:\n"
            "    import os\n    return os.environ['CHATKIT_ISSUER']\n"
        )
    return port


def pids(sign: str, folder: Path) -> list[int]:
    """The processes with this in their command and this folder for TMPDIR."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has just ended, or is somebody else's
            ours = f"TMPDIR={folder}\0".encode() in file.read_bytes()
            if ours and sign.encode() in (file.parent / "cmdline").read_bytes():
                found.append(int(file.parent.name))
    return found


async def keys_of(issuer: str) -> list[str]:
    async with httpx.AsyncClient(base_url=issuer, timeout=SECONDS) as http:
        found = (await http.get("/.well-known/jwks.json")).json()
        return [key["kid"] for key in found["keys"]]


async def test_a_lesson_with_signed_tokens_has_its_issuer(
    start: Start, clone: Clone, tmp_path: Path
) -> None:
    port = with_issuer(clone)
    lesson = start(CHATKIT_AUDIENCE="somebody")
    address = f"http://127.0.0.1:{port}"
    assert f"  sign in {address}/" == await lesson.says("  sign in ")
    await lesson.says("Ctrl-C stops.")
    assert (await lesson.http.get("/issuer")).json() == address
    assert (await lesson.http.get("/console/config.json")).json()["issuer"] == address
    async with httpx.AsyncClient(base_url=address, timeout=SECONDS) as http:
        token = (await http.post("/token", json={"user": "alice"})).json()["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == (address, "alice", "somebody")

    # A save changes nothing for who is signed in.
    keys = await keys_of(address)
    with (clone.app / "main.py").open("a") as main:
        main.write("\n")
    await lesson.says("Saved, and served again after")
    assert (await lesson.http.get("/issuer")).json() == address
    assert await keys_of(address) == keys

    # A second one, at the same time, has one of its own.
    other = start()
    elsewhere = (await other.says("  sign in ")).split()[-1].rstrip("/")
    assert elsewhere != address
    await other.says("Ctrl-C stops.")
    assert (await other.http.get("/issuer")).json() == elsewhere
    assert await keys_of(elsewhere) != keys
    assert await other.interrupt() == (0, "")
    assert await keys_of(address) == keys

    assert await lesson.interrupt() == (0, "")
    with pytest.raises(httpx.ConnectError):
        await keys_of(address)
    assert survivors(tmp_path / "tmp") == []


async def test_an_issuer_that_is_gone_is_said_once(
    start: Start, clone: Clone, tmp_path: Path
) -> None:
    with_issuer(clone)
    lesson = start()
    await lesson.says("Ctrl-C stops.")
    [issuer] = pids("shared.issuer", tmp_path / "tmp")
    os.kill(issuer, signal.SIGKILL)
    await lesson.says("The identity provider is gone: nobody can sign in.")
    with (clone.app / "main.py").open("a") as main:
        main.write("\n")
    await lesson.says("Saved, and served again after")
    assert await lesson.interrupt() == (0, "")
    assert "\n".join(lesson.lines).count("is gone") == 1


async def test_an_issuer_of_ones_own_is_used(start: Start, clone: Clone, tmp_path: Path) -> None:
    with_issuer(clone)
    lesson = start(CHATKIT_ISSUER="https://login.example/")
    assert await lesson.says("  sign in ") == "  sign in https://login.example/"
    await lesson.says("Ctrl-C stops.")
    assert (await lesson.http.get("/issuer")).json() == "https://login.example/"
    assert pids("shared.issuer", tmp_path / "tmp") == []
    assert await lesson.interrupt() == (0, "")


async def test_a_lesson_that_is_killed_leaves_no_issuer_behind(start: Start, clone: Clone) -> None:
    port = with_issuer(clone)
    lesson = start()
    await lesson.says("Ctrl-C stops.")
    await keys_of(f"http://127.0.0.1:{port}")
    lesson.process.kill()
    assert lesson.process.stderr
    # All that it has started holds the other end of this pipe: the end of all of it is its end.
    assert await asyncio.to_thread(lesson.process.stderr.read) == ""
    with pytest.raises(httpx.ConnectError):
        await keys_of(f"http://127.0.0.1:{port}")


SLOW_WORDS = """

import asyncio, os
from pathlib import Path
from fastapi.responses import StreamingResponse
from shared.page import mount_page

mount_page(app, Path(__file__).parent / "page" / "dist")


@app.get("/api/mode")
async def mode() -> list[str]:
    return [os.environ.get("AUTH_MODE", ""), os.environ.get("CHATKIT_BACKEND", "")]


@app.get("/api/words")
async def words() -> StreamingResponse:
    async def one_for_each_file():
        try:
            for number in range(9):
                while not Path(os.environ["TMPDIR"], f"word-{number}").exists():
                    await asyncio.sleep(0.01)
                yield f"{number}\\n"
        finally:
            Path(os.environ["TMPDIR"], "word-end").touch()

    return StreamingResponse(one_for_each_file(), media_type="text/event-stream")
"""


def with_page(clone: Clone) -> Path:
    """Let lesson 2 have lesson 7's page, and routes to look at. Returns a source of the page."""
    node.packages(page.REFERENCE)
    (clone.root / ".workbook").mkdir(exist_ok=True)
    (clone.root / ".workbook" / "page").symlink_to(node.CACHE)
    shutil.copytree(page.REFERENCE, clone.app / "page")
    with (clone.app / "main.py").open("a") as main:
        main.write(SLOW_WORDS)
    return clone.app / "page" / "src" / "main.tsx"


async def test_a_page_is_built_after_each_save_and_vite_shows_it_at_once(
    start: Start, clone: Clone, tmp_path: Path
) -> None:
    source = with_page(clone)
    lesson = start()
    address = str(lesson.http.base_url)
    assert f"{address}/app/" in await lesson.says("  page ")
    first = await lesson.http.get("/app/")
    assert first.status_code == 200
    hot = (await lesson.says("With hot reload")).split()[-1].removesuffix("/app/")

    # Vite passes everything else on to the server: the stream as it comes, and the end of it.
    async with httpx.AsyncClient(base_url=hot, timeout=SECONDS) as through_vite:
        assert "/app/@vite/client" in (await through_vite.get("/app/")).text
        assert (await through_vite.get("/api/mode")).json() == ["", ""]
        (tmp_path / "tmp" / "word-0").touch()  # Node sends the headers with the first of the body
        async with through_vite.stream("GET", "/api/words") as answer:
            arriving = answer.aiter_lines()
            for number in range(3):
                assert await anext(arriving) == str(number)
                (tmp_path / "tmp" / f"word-{number + 1}").touch()  # only now the next can be said
        async with asyncio.timeout(SECONDS):
            while not (tmp_path / "tmp" / "word-end").exists():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)

    good = source.read_text()
    source.write_text("\nconst = 5;\n")
    assert "page/src/main.tsx, line 2: " in await lesson.says("The page cannot be built.")
    assert "shows an older page" in await lesson.says("Mend it and save")
    assert (await lesson.http.get("/app/")).text == first.text
    source.write_text(good + "\ndocument.title = 5;\n")
    await lesson.says("the page is built again")
    assert "page/src/main.tsx" in await lesson.says("TypeScript: ")
    assert (await lesson.http.get("/app/")).text != first.text
    assert not [line for line in lesson.lines if "served again" in line], "Python had no part in it"
    with (clone.app / "main.py").open("a") as main:
        main.write("\n")
    await lesson.says("Saved, and served again after")

    assert await lesson.interrupt() == (0, "")
    for file in (tmp_path / "tmp").glob("word-*"):
        file.unlink()
    assert survivors(tmp_path / "tmp") == []
    assert list((tmp_path / "tmp").iterdir()) == []


async def test_a_backend_for_the_frontend_has_a_backend(
    start: Start, clone: Clone, tmp_path: Path
) -> None:
    with_page(clone)
    lesson = start(AUTH_MODE="bff")
    assert "AUTH_MODE=bff" in await lesson.says("  page ")
    await lesson.says("Ctrl-C stops.")
    mode, backend = (await lesson.http.get("/api/mode")).json()
    assert mode == "bff"
    async with httpx.AsyncClient(base_url=backend, timeout=SECONDS) as behind:
        assert (await behind.get("/api/mode")).json() == ["bearer", ""]
        with (clone.app / "main.py").open("a") as main:
            main.write("\n\n@app.get('/api/more')\ndef more() -> int:\n    return 1\n")
        await lesson.says("Saved, and served again after")
        assert (await behind.get("/api/more")).json() == 1
    assert (await lesson.http.get("/api/more")).json() == 1
    assert await lesson.interrupt() == (0, "")
    assert survivors(tmp_path / "tmp") == []
