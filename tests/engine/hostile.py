"""Student work that breaks things, and the one verdict that each must get.

Where a work notes down what it saw, NOTES stands for the folder to do it in.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.engine.clone import ROOT

_REFERENCE = ROOT / "checkpoints" / "L02" / "app"
_SERVER = (_REFERENCE / "server.py").read_text(encoding="utf-8")

NO_ROUTE = "\nfrom fastapi import FastAPI\napp = FastAPI()\n"


@dataclass(frozen=True)
class Work:
    """Files laid over the reference, by path below `app`, and what must be said of them."""

    files: dict[str, str | bytes]
    check: str
    misconception: str
    says: tuple[str, ...] = ()


def main(code: str, check: str, misconception: str, *says: str) -> Work:
    """A work with another `main.py`."""
    return Work({"main.py": code}, check, misconception, says)


def in_respond(code: str, check: str, misconception: str, *says: str) -> Work:
    """A work that does this first of all in `respond()`."""
    before = "        if input_user_message is None:"
    assert _SERVER.count(before) == 1
    lines = "".join(f"        {line}\n" for line in code.splitlines())
    return Work({"server.py": _SERVER.replace(before, lines + before)}, check, misconception, says)


def unserved(code: str) -> Work:
    """A work that does this when it is imported, and has no route: it starts, and fails there."""
    return main(code + NO_ROUTE, "check_endpoint", "status-404", "404")


def lifespan(code: str, misconception: str, *says: str) -> Work:
    return main(
        "import asyncio\n"
        "from contextlib import asynccontextmanager\n"
        "from fastapi import FastAPI\n"
        "@asynccontextmanager\n"
        "async def lifespan(app):\n"
        f"    {code}\n"
        "    yield\n"
        "app = FastAPI(lifespan=lifespan)\n",
        "check_starts",
        misconception,
        *says,
    )


def answering(body: bytes, misconception: str, *says: str, status: int = 200) -> Work:
    """A route that sends these bytes as a stream."""
    return main(
        "from fastapi import FastAPI\n"
        "from fastapi.responses import StreamingResponse\n"
        "app = FastAPI()\n"
        "@app.post('/chatkit')\n"
        "async def chatkit():\n"
        f"    stream = iter([{body!r}])\n"
        f"    return StreamingResponse(stream, {status}, media_type='text/event-stream')\n",
        "check_endpoint",
        misconception,
        *says,
    )


DUMP = """
import os, pathlib, sys
links = pathlib.Path("links"); links.symlink_to("/proc")
def look(read):
    try:
        return repr(read())
    except OSError as error:
        return type(error).__name__
seen = [look(lambda: dict(os.environ)), look(open("/proc/self/environ").read)]
for place in ["/proc", "/proc/self/..", "links"]:
    for pid in [os.getppid(), *(int(name) for name in os.listdir("/proc") if name.isdigit())]:
        for name in ["environ", "mem", "cmdline"]:
            file = f"{place}/{pid}/{name}"
            if pid == os.getpid():
                continue
            seen.append(look(lambda: open(file).read(4096)))
            seen.append(look(lambda: os.read(os.open(os.fsencode(file), os.O_RDONLY), 4096)))
pathlib.Path("NOTES/dump").write_text("\\n".join(seen))
"""

NETWORK = """
import asyncio, json, pathlib, socket, urllib.request
import httpx
def datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.sendto(b"x", ("192.0.2.5", 53))
async def by_httpx():
    async with httpx.AsyncClient() as client:
        await client.get("https://httpx.example.com")
ways = {
    "192.0.2.1": lambda: socket.create_connection(("192.0.2.1", 80), 1),
    "socket.example.com": lambda: socket.create_connection(("socket.example.com", 80), 1),
    "name.example.com": lambda: socket.gethostbyname("name.example.com"),
    "192.0.2.2": lambda: socket.gethostbyaddr("192.0.2.2"),
    "192.0.2.5": datagram,
    "2001:db8::1": lambda: socket.create_connection(("2001:db8::1", 80), 1),
    "192.0.2.3": lambda: asyncio.run(asyncio.open_connection("192.0.2.3", 80)),
    "asyncio.example.com": lambda: asyncio.run(asyncio.open_connection("asyncio.example.com", 80)),
    "httpx.example.com": lambda: asyncio.run(by_httpx()),
    "urllib.example.com": lambda: urllib.request.urlopen("http://urllib.example.com", timeout=1),
}
seen = {}
for host, go in ways.items():
    try:
        go()
        seen[host] = "reached"
    except OSError as error:
        seen[host] = str(error)
    except httpx.HTTPError as error:
        seen[host] = str(error)
with socket.create_server(("127.0.0.1", 0)) as here:
    socket.create_connection(("localhost", here.getsockname()[1]), 1).close()
    seen["localhost"] = "reached"
pathlib.Path("NOTES/network").write_text(json.dumps(seen))
"""

LEAVES = """
import os, pathlib, subprocess, sys, threading, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
pids = [subprocess.Popen(sleep).pid, subprocess.Popen(sleep, start_new_session=True).pid]
notes = pathlib.Path("NOTES/pids")
notes.write_text(" ".join(map(str, pids)))
if os.fork() == 0:  # a daemon, as the books make one
    os.setsid()
    if os.fork() == 0:
        with notes.open("a") as file:
            file.write(f" {os.getpid()}")
        time.sleep(600)
    os._exit(0)
os.wait()
while len(notes.read_text().split()) < 3:
    time.sleep(0.01)
threading.Thread(target=time.sleep, args=(600,)).start()
"""

WRITES = """
import os, pathlib, shutil
here = pathlib.Path(__file__)
here.write_text("x = 1")
here.with_name("new.py").write_text("x = 1")
here.with_name("server.py").unlink()
os.chmod(here, 0)
pathlib.Path("app", "folder").mkdir()
pathlib.Path("data.txt").write_text("x")
pathlib.Path.home().joinpath("note.txt").write_text("x")
"""

MEDDLER = """
import pathlib, os
pathlib.Path("NOTES/meddled").write_text(__file__)
os._exit(0)
"""

WORKS: dict[str, Work] = {
    "empty": main("", "check_starts", "start-app", "defines no `app`"),
    "another-name": main(
        NO_ROUTE.replace("app =", "application ="), "check_starts", "start-app", "defines no `app`"
    ),
    "app-is-text": main("app = 'app'\n", "check_starts", "start-app", "is of type str"),
    "latin-1": Work(
        {"server.py": 'NAME = "Zoë"\n'.encode("latin-1") + _SERVER.encode()},
        "check_starts",
        "start-syntax",
        ("utf-8", "server.py"),
    ),
    "missing-import": main(
        "import not_there_at_all\n", "check_starts", "start-import", "not_there_at_all", "line 1"
    ),
    "exits-hard": main(
        "import os\nos._exit(0)\n", "check_starts", "start-killed", "ended by itself", "code 0"
    ),
    "exits-hard-later": in_respond(
        "import os\nos._exit(0)", "check_endpoint", "broken-stream", "server is gone", "code 0"
    ),
    "kills-itself": in_respond(
        "import os\nos.kill(os.getpid(), 9)", "check_endpoint", "broken-stream", "SIGKILL"
    ),
    "hangs": in_respond(
        "import asyncio\nawait asyncio.Event().wait()",
        "check_endpoint",
        "hanging-stream",
        "fell silent",
    ),
    "spins": in_respond(
        "while True:\n    pass", "check_endpoint", "hanging-stream", "fell silent", "app/server.py"
    ),
    "floods-the-page": in_respond(
        "from chatkit.types import ProgressUpdateEvent\n"
        "while True:\n"
        "    yield ProgressUpdateEvent(text='x' * 1000)",
        "check_endpoint",
        "endless-stream",
        "did not end",
    ),
    "never-starts": lifespan(
        "await asyncio.Event().wait()", "start-hang", "still not serving", "15 seconds"
    ),
    "start-raises": lifespan(
        "raise RuntimeError('no tea')", "start-startup", "start-up failed", "no tea", "line 6"
    ),
    "says-it-passed": unserved(
        'print("PASSED")\nprint(\'{"passed": true}\')\nprint("11 of 11 core checks passed.")\n'
    ),
    "too-much-memory": in_respond(
        "hold = []\nwhile True:\n    hold.append(bytes(1 << 30))",
        "check_agent_hears",
        "respond-raises",
        "MemoryError",
    ),
    "floods-the-log": Work(
        {
            "main.py": "for _ in range(20):\n    print('x' * 1_000_000)\n"
            + (_REFERENCE / "main.py").read_text(encoding="utf-8"),
            **in_respond(
                "for _ in range(20):\n    print('y' * 1_000_000)\nraise RuntimeError('after it')",
                "",
                "",
            ).files,
        },
        "check_agent_hears",
        "respond-raises",
        ("RuntimeError: after it",),
    ),
    "fills-the-disk": unserved(
        "try:\n    with open('big', 'wb') as file:\n        file.seek(1 << 30)\n"
        "        file.write(b'x')\nexcept OSError as error:\n"
        "    open('NOTES/disk', 'w').write(error.strerror)\n"
    ),
    "strange-message": main(
        "raise RuntimeError('[/red] [bold] :smile: \\x1b[2J \\ud800')\n",
        "check_starts",
        "start-import",
        "[/red] [bold] :smile:",
    ),
    "no-message": main(
        "class Odd(Exception):\n    def __str__(self):\n        raise self\nraise Odd\n",
        "check_starts",
        "start-killed",
    ),
    "without-output": main(
        "import sys\nsys.stdout = sys.stderr = None\nraise RuntimeError('quiet')\n",
        "check_starts",
        "start-import",
        "quiet",
    ),
    "no-thread-in-it": answering(b'data: {"type": "thread.created"}\n\n', "own-frames"),
    "item-is-text": answering(
        b'data: {"type": "thread.item.done", "item": "x"}\n\n', "own-frames", "thread.item.done"
    ),
    "nested-beyond-reason": answering(b"data: " + b"[" * 100_000 + b"\n\n", "own-frames"),
    "stream-of-another-status": answering(b"data: {}\n\n", "status-418", "418", status=418),
    "endless-error": main(
        "from fastapi import FastAPI\n"
        "from fastapi.responses import StreamingResponse\n"
        "app = FastAPI()\n"
        "async def body():\n"
        "    while True:\n"
        "        yield b'oh no '\n"
        "@app.post('/chatkit')\n"
        "async def chatkit():\n"
        "    return StreamingResponse(body(), status_code=500, media_type='text/plain')\n",
        "check_endpoint",
        "status-500",
        "oh no",
    ),
    "second-start-fails": Work(
        {
            "main.py": "open('was-here', 'x')\n"
            + (_REFERENCE / "main.py").read_text(encoding="utf-8")
        },
        "check_survives_a_restart",
        "start-import",
        ("FileExistsError", "was-here"),
    ),
    "kills-its-parent": main(
        "import os\nos.kill(os.getppid(), 9)\nimport time\ntime.sleep(600)\n",
        "check_starts",
        "start-killed",
        "SIGKILL",
    ),
    "kills-its-group": main(
        "import os\nos.kill(0, 15)\n", "check_starts", "start-killed", "SIGTERM"
    ),
    "forges-the-status": unserved(
        "import glob\n"
        "for file in glob.glob('../*.jsonl') + glob.glob('*.jsonl'):\n"
        "    open(file, 'a').write('no json\\n[]\\n{\"phase\": \"failed\"}\\n')\n"
    ),
    "meddles": Work(
        {
            "main.py": NO_ROUTE,
            **{
                f"{folder}{name}.py": MEDDLER
                for folder in ("", "../", "../../", "../../../")
                for name in ("conftest", "pytest", "sitecustomize", "usercustomize", "pydantic")
            },
        },
        "check_endpoint",
        "status-404",
    ),
    "leaves-processes": unserved(LEAVES),
    "writes": unserved(WRITES),
    "dumps": unserved(DUMP),
    "asks-around": unserved(NETWORK),
    "calls-home": in_respond(
        "import httpx\nhttpx.get('https://api.example.com/v1')",
        "check_agent_hears",
        "model-hard-coded",
        "api.example.com",
    ),
    "calls-home-at-once": main(
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/')\n",
        "check_starts",
        "start-import",
        "192.0.2.1 was not contacted",
    ),
    "serves-itself": unserved(
        "import threading, uvicorn\n"
        "from fastapi import FastAPI\n"
        "own = uvicorn.Server(uvicorn.Config(FastAPI(), port=0))\n"
        "threading.Thread(target=own.run, daemon=True).start()\n"
    ),
    "read-only": unserved("open('app/main.py', 'a').write('x = 1')"),
    "linked": unserved("import app.server\nassert app.server.LINKED\n"),
}

SLOW = ("never-starts", "hangs", "spins")
"""Each waits for a limit of ten or fifteen seconds."""
FRESH = ("empty", "dumps", "leaves-processes")
"""What is tried again with a fresh interpreter for each server."""
