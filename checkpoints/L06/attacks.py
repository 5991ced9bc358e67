"""The attacks of `make attack-NN`: what each of them sends, and when it got through.

They are those of the lesson's specification. Tokens that the issuer never signed come from
`checkpoints/engine/forgery.py`, as in the checks.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

import httpx

from checkpoints.engine import forgery, operations
from checkpoints.engine.client import json_in
from checkpoints.engine.forgery import USER_HEADERS
from checkpoints.engine.operations import Json
from checkpoints.L06.signing import RunningIssuer


class Outcome(StrEnum):
    """What an answer means. `BROKE`: nothing got through, but the server met its own error (5xx)."""

    REFUSED = "refused"
    THROUGH = "GOT THROUGH"
    BROKE = "broke"


OPERATIONS = {
    "Read the thread": "threads.get_by_id",
    "Read its items": "items.list",
    "Write a message into it": "threads.add_user_message",
    "Have it answered again": "threads.retry_after_item",
    "Give a tool's result": "threads.add_client_tool_output",
    "Rate its items": "items.feedback",
    "Rename it": "threads.update",
    "Delete it": "threads.delete",
}
"""What bob tries with alice's thread; what would destroy it comes last."""

LIST = operations.request("threads.list", "", "", "")
"""A request that changes nothing, and that every person may make."""

MADE_UP_KEYS = 20
_MOST = 200_000  # characters of an answer that are read


@dataclass(frozen=True)
class Attack:
    """One attack that was tried, what came back, and what that means."""

    what: str
    came: str
    outcome: Outcome


@dataclass(frozen=True)
class Reply:
    """What a server sent back: the status, and the text as far as it was read."""

    status: int
    text: str = ""


class Scene:
    """A server, alice with a thread, and bob who is after it. On leaving, her threads are deleted."""

    def __init__(self, url: str, issuer: RunningIssuer, http: httpx.Client) -> None:
        self.url = url
        self.issuer = issuer
        self.alice = _signed_in("alice", issuer)
        self.bob = _signed_in("bob", issuer)
        self.thread = ""
        self._http = http
        self._leaving = ExitStack()

    def __enter__(self) -> Self:
        self.begin_thread()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def begin_thread(self) -> None:
        """Let alice begin a thread: the first, or another one where it is gone."""
        said = operations.request("threads.create", "", "", "Remind me of the dentist.")
        answer = self.ask(said, self.alice, whole=True)
        self.thread = ""
        for line in answer.text.splitlines():
            event = json_in(line.removeprefix("data:"))
            if isinstance(event, dict) and event.get("type") == "thread.created":
                self.thread = str(event["thread"]["id"])
                gone = operations.request("threads.delete", self.thread, "", "")
                self._leaving.callback(self.ask, gone, self.alice)
                return

    def ask(
        self,
        body: Json,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        whole: bool = False,
    ) -> Reply:
        """Send a request. A stream is read only where `whole` asks for it."""
        text = ""
        try:
            with self._http.stream(
                "POST", self.url, json=body, headers=headers, params=query
            ) as response:
                kind = response.headers.get("content-type", "")
                if whole or not kind.startswith("text/event-stream"):
                    for piece in response.iter_text():
                        text += piece
                        if len(text) > _MOST:
                            break
                return Reply(response.status_code, text)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            return Reply(500)  # a server hangs up where an error kept it from reading the body

    def clean_up(self) -> Reply:
        """Ask for the clean-up as nobody."""
        return Reply(self._http.post(httpx.URL(self.url).join("/clean-up")).status_code)

    def view(self) -> Any:
        """Alice's thread as she finds it; None where it is gone."""
        found = self.ask(operations.request("threads.get_by_id", self.thread, "", ""), self.alice)
        return json_in(found.text) if found.status == 200 else None


def _signed_in(user: str, issuer: RunningIssuer) -> dict[str, str]:
    """The headers of somebody who is signed in: as the page sends them."""
    return {"Authorization": f"Bearer {issuer.token(user)}", "X-Demo-User": user}


def attacks(scene: Scene) -> Iterator[Attack]:
    """Try one after the other."""
    yield from _at_the_door(scene)
    yield from _by_a_name(scene)
    yield from _on_her_thread(scene)


def _at_the_door(scene: Scene) -> Iterator[Attack]:
    """Requests that nobody may be believed for: each has to be a 401."""

    def knock(what: str, *values: str | None) -> Attack:
        answers = [_knock(scene, value) for value in values]
        worst = next((one for one in answers if one.status != 401), answers[0])
        return Attack(what, str(worst.status), _of_a_knock(worst.status))

    issuer = scene.issuer
    yield knock("No token", None)
    for forged in forgery.signatures(issuer, "alice"):
        yield knock(f"A token that {forged.what}", f"Bearer {forged.token}")
    expired = issuer.token("alice", lifetime=-timedelta(minutes=10))
    yield knock("A token that expired ten minutes ago", f"Bearer {expired}")
    elsewhere = issuer.token("alice", audience="another-service")
    yield knock("A token that is meant for another service", f"Bearer {elsewhere}")
    garbage = [value for value, _ in forgery.garbage(issuer.token("alice"))]
    yield knock(f"{len(garbage)} values that are no token", *garbage)
    unknown = [
        f"Bearer {forgery.unknown_key(issuer, 'alice', secrets.token_hex(8))}"
        for _ in range(MADE_UP_KEYS)
    ]
    yield knock(f"{MADE_UP_KEYS} tokens with made-up key ids", *unknown)
    status = scene.clean_up().status
    yield Attack("A clean-up without a token", str(status), _of_a_status(status))


def _knock(scene: Scene, authorization: str | None) -> Reply:
    headers = {} if authorization is None else {"Authorization": authorization}
    return scene.ask(LIST, headers)


def _of_a_knock(status: int) -> Outcome:
    return Outcome.REFUSED if status == 401 else _of_a_status(status)


def _of_a_status(status: int) -> Outcome:
    if status >= 500:
        return Outcome.BROKE
    return Outcome.REFUSED if status >= 400 else Outcome.THROUGH


def _by_a_name(scene: Scene) -> Iterator[Attack]:
    """Bob's token, and alice's name beside it: her thread must not be in the list."""
    bearer = {"Authorization": scene.bob["Authorization"]}
    named = {"user_id": "alice", "user": "alice"}

    def listed(what: str, answer: Reply) -> Attack:
        if scene.thread in answer.text:
            return Attack(what, f"{answer.status}: alice's threads", Outcome.THROUGH)
        if answer.status != 200:
            return Attack(what, str(answer.status), _of_a_status(answer.status))
        return Attack(what, "200: bob's own threads", Outcome.REFUSED)

    for header in USER_HEADERS:
        answer = scene.ask(LIST, {**bearer, header: "alice"})
        yield listed(f"Bob's token, and alice in {header}", answer)
    body = {**LIST, "params": {**LIST["params"], **named}, **named, "metadata": named}
    answer = scene.ask(body, bearer)
    yield listed("Bob's token, and alice in the body", answer)
    answer = scene.ask(LIST, bearer, query=named)
    yield listed("Bob's token, and alice in the address", answer)


def _on_her_thread(scene: Scene) -> Iterator[Attack]:
    """What bob does with alice's thread: as if it were not there, and it stays as it is."""
    for what, operation in OPERATIONS.items():
        before = scene.view()
        hers = _as_bob(scene, operation, scene.thread)
        nobodys = _as_bob(scene, operation, f"{scene.thread[:4]}{secrets.token_hex(16)}")
        after = scene.view()
        yield Attack(f"{what} ({operation})", *_compare(hers, nobodys, before, after))
        if after is None:
            scene.begin_thread()


def _as_bob(scene: Scene, operation: str, thread: str) -> Reply:
    """What bob is answered; the id that he asked for is taken out of it."""
    body = operations.request(operation, thread, "msg_1", "Mine now.")
    answer = scene.ask(body, scene.bob)
    return Reply(answer.status, answer.text.replace(thread, ""))


def _compare(hers: Reply, nobodys: Reply, before: Any, after: Any) -> tuple[str, Outcome]:
    """What came back for her thread, beside what comes back where there is none."""
    if before != after:
        became = "gone" if after is None else "changed"
        return f"{hers.status}, and her thread is {became}", Outcome.THROUGH
    if hers.status >= 500:
        return str(hers.status), Outcome.BROKE
    if hers.status != nobodys.status:
        return f"{hers.status}; for a made-up id {nobodys.status}", Outcome.THROUGH
    if hers.text != nobodys.text:
        return f"{hers.status}, with another text than for a made-up id", Outcome.THROUGH
    return f"{hers.status}, as for a made-up id", Outcome.REFUSED
