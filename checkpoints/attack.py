"""`make attack-NN`: try the attacks of the lesson on a server that runs, and print what came back.

The server is one's own, on this machine, with the identity provider that `make lesson-NN` starts beside
it. Alice gets a thread for it, which is deleted at the end.
"""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

import httpx
from rich.console import Console
from rich.table import Table

from checkpoints import lesson as lessons
from checkpoints.L06.attacks import LIST, Attack, Outcome, Scene, attacks
from checkpoints.L06.signing import KeyServer, RunningIssuer
from checkpoints.lesson import Lesson
from checkpoints.run import ISSUER_PORTS

_PATIENCE = 30.0  # seconds for one answer, which a real model may have to think about
_STYLES = {Outcome.THROUGH: "bold red", Outcome.BROKE: "yellow"}


class AttackError(Exception):
    """There is nothing to attack, or it cannot be reached. The text says what to do."""


def run(lesson: Lesson, url: str | None, console: Console) -> bool:
    """Attack, and print the table. Returns whether anything got through. Raises AttackError."""
    if not lesson.issuer:
        some = [f"make attack-{n:02d}" for n in lessons.numbers() if lessons.load(n).issuer]
        raise AttackError(
            f"Lesson {lesson.number:02d} keeps nobody out, so there is nothing to attack. "
            f"There is: {', '.join(some)}"
        )
    url = url or f"http://127.0.0.1:{8000 + lesson.number}{lesson.path}"
    issuer = os.environ.get("CHATKIT_ISSUER", "").strip()
    issuer = issuer or f"http://127.0.0.1:{ISSUER_PORTS + lesson.number}"
    for address in (url, issuer):
        _require_local(address)
    tried: list[Attack] = []
    once = httpx.Limits(max_keepalive_connections=0)  # a server may hang up after an attack
    try:
        with (
            httpx.Client(timeout=_PATIENCE, trust_env=False, verify=False, limits=once) as http,
            KeyServer() as elsewhere,
        ):
            scene = _reach(lesson, url, RunningIssuer(issuer, http, elsewhere), http)
            with scene, console.status("Attacking …"):
                _require_thread(scene)
                for one in attacks(scene):  # an error on the way says how many there were
                    tried.append(one)
    except httpx.HTTPError as error:
        raise AttackError(
            f"The server stopped answering ({str(error) or type(error).__name__}), after {len(tried)} "
            "attacks. Its window says why."
        ) from None
    console.print(f"Lesson {lesson.number:02d} · attacks on {url}\n", style="bold")
    _print(tried, console)
    through = sum(one.outcome == Outcome.THROUGH for one in tried)
    console.print()
    if through:
        closer = f"make check-{lesson.number:02d} looks closer."
        console.print(f"{through} of {len(tried)} attacks got through. {closer}")
    else:
        console.print(f"Nothing got through, of {len(tried)} attacks.")
    if any(one.outcome == Outcome.BROKE for one in tried):
        console.print(
            "Where it broke, your server's window shows the error. It should have refused."
        )
    return bool(through)


def _require_local(address: str) -> None:
    """Raise AttackError for any host but this machine: others are not ours to attack."""
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname or "", parts.port
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local or parts.scheme != "http":
        raise AttackError(
            f"{address} is not on this machine. Attack your own server only, as "
            "http://127.0.0.1:8006/chatkit."
        )


def _reach(lesson: Lesson, url: str, issuer: RunningIssuer, http: httpx.Client) -> Scene:
    """Sign in, and see that the server answers whoever is signed in. Raises AttackError."""
    start = f"Type  make lesson-{lesson.number:02d}  in another terminal first."
    try:
        scene = Scene(url, issuer, http)
    except httpx.TransportError:
        raise AttackError(f"Nothing answers at {issuer.url}. {start}") from None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        raise AttackError(
            f"What answers at {issuer.url} signs no tokens for alice and bob. CHATKIT_ISSUER names the "
            f"issuer; without it, it is the one that make lesson-{lesson.number:02d} starts."
        ) from None
    try:
        answer = scene.ask(LIST, scene.alice)
    except httpx.TransportError:
        raise AttackError(f"Nothing answers at {url}. {start}") from None
    if answer.status == 401:
        raise AttackError(
            "The server refuses alice's good token too (401), so that its refusals say nothing. Does "
            f"it believe another issuer than {issuer.url}? make check-{lesson.number:02d} looks closer."
        )
    if answer.status != 200:
        raise AttackError(f"No ChatKit server answers at {url}: {answer.status} for threads.list.")
    return scene


def _require_thread(scene: Scene) -> None:
    if not scene.thread:
        raise AttackError(
            "Alice could not begin a thread on this server, so there is none to attack."
        )


def _print(tried: list[Attack], console: Console) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("attack")
    table.add_column("what came back")
    table.add_column("", no_wrap=True)
    for one in tried:
        table.add_row(one.what, one.came, one.outcome, style=_STYLES.get(one.outcome))
    console.print(table)
