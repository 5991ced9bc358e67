"""Tokens that must be believed, and tokens that must not."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable
from typing import Any

from checkpoints.engine import operations
from checkpoints.engine.client import ChatKit
from checkpoints.engine.forgery import USER_HEADERS, Forgery
from checkpoints.engine.identity import Identity
from checkpoints.engine.midway import Script
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, ToolUse
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L06 import tasks
from checkpoints.L06.door import knock, require_refused, showing
from checkpoints.L06.isolation import Theirs
from checkpoints.L06.traces import stored

LARGE = 1_200_000  # bytes of a body: more than the endpoint takes
LONGEST = 255  # characters of a user's id
_FIRST = (
    "A request without a good token gets a 401 with `WWW-Authenticate: Bearer`, before its body is "
    "looked at, whatever it asks for."
)


async def require_strangers_refused(
    lab: Lab, stranger: ChatKit, model: Provider, words: Words, hers: Theirs
) -> None:
    """Without a token each of the operations is refused, and nothing is done."""
    said = [words.sentence() for _ in operations.ALL]
    answers = {}
    model.forget()
    before = _begun(lab)
    for operation, text in zip(operations.ALL, said, strict=True):
        body = operations.request(operation, hers.thread, hers.item, text)
        answers[operation] = await knock(stranger, body, tried=_without_token(operation))
    others = [f"`{operation}`" for operation, answer in answers.items() if answer.status != 401]
    for operation, answer in answers.items():
        expected = _FIRST
        if 1 < len(others) < len(answers):
            expected += f" Here it holds for some: the open ones are {', '.join(others)}."
        require_refused(answer, _without_token(operation), "no-token-needed", expected)
    bodies = (
        (b"{", "a body that is no JSON"),
        (b'{"type": "no.such.operation"}', "an operation that does not exist"),
        (b"x" * LARGE, f"a body of {LARGE:,} bytes"),
    )
    for raw, what in bodies:
        tried = f"Sent, without a token, {what}."
        answer = await knock(stranger, raw, tried=tried)
        # A framework may refuse what its head says is too large before it asks anybody anything.
        if not (len(raw) == LARGE and answer.status == 413):
            require_refused(answer, tried, "no-token-needed", _FIRST)
    files = stored(lab)
    kept = _begun(lab) != before or any(text in files for text in said)
    if model.calls or kept:
        raise Failed(
            tried=f"Sent all {len(operations.ALL)} operations without a token.",
            observed="Each was refused with a 401, and yet "
            + ("something was stored." if kept else "the model was asked."),
            expected="Whoever is refused has caused nothing: the token is looked at first.",
            misconception="refused-too-late",
        )


def _begun(lab: Lab) -> int:
    """How many sessions have begun, by the audit trail."""
    return sum(fact.get("event") == "created" for fact in lab.server.audit)


def _without_token(operation: str) -> str:
    return f"Sent `{operation}` without a token."


async def require_told_apart(
    someone: ChatKit, identity: Identity, model: Provider, words: Words
) -> None:
    """One `sub` is one person, whatever else their token says; two are two."""
    script = Script(model)
    shared: dict[str, Any] = {"email": f"{words.word()}@example.com", "name": words.word()}
    long = "auth0|" + "x" * (LONGEST - 6)
    people = {
        "alice": "`alice`",
        "Alice": "`Alice`, with a capital letter",
        "bob": "`bob`, with the e-mail address that alice's token has",
        long: f"a text of {LONGEST} characters",
    }
    titles: dict[str, str] = {}
    for sub in people:
        person = showing(someone, identity.token(sub, **shared))
        titles[sub] = await tasks.create(person, script, words)
    for sub, who in people.items():
        claims: dict[str, Any] = {"email": f"{words.word()}@example.com", "name": words.word()}
        person = showing(someone, identity.token(sub, **claims))
        found = await tasks.listed(person, script, words)
        tried = f"The `sub` of a token was {who}. The agent's tool listed their tasks."
        if others := [
            who for other, who in people.items() if titles[other] in found and other != sub
        ]:
            raise Failed(
                tried=tried,
                observed=f"A task of another person was among them, whose `sub` is {others[0]}.",
                expected="Each `sub` is another user. Nothing else in a token says who somebody is.",
                misconception="users-mixed-up",
            )
        if titles[sub] not in found:
            raise Failed(
                tried=tried,
                observed="The task was not among them that this person had created with an earlier "
                "token, which had another id (`jti`), e-mail address and name.",
                expected="The user is `sub`: it stays the same in all tokens of a person.",
                misconception="user-not-stable",
            )


async def require_disbelieved(person: ChatKit, forged: Iterable[Forgery], expected: str) -> None:
    """Each of these tokens is refused, where it asks to read and where it asks to write."""
    for one in forged:
        tried = f"Sent a token that {one.what}."
        answer = await knock(showing(person, one.token), tried=tried)
        require_refused(answer, tried, one.misconception, expected)


async def require_expiry_noticed(person: ChatKit, identity: Identity) -> None:
    """A token that was believed is refused as soon as it has expired.

    A server that allows for clocks which are not quite right is right too: it believes another
    token with the same `exp` for as long.
    """
    ends = math.ceil(time.time() + 0.2)
    remembered, other = (identity.token(person.user, exp=ends) for _ in range(2))
    tried = "Sent a token, and sent it again when it had expired."
    if (await knock(showing(person, remembered), tried=tried)).status != 200:
        return  # by its clock, which may have been moved, it has expired already
    await asyncio.sleep(max(ends - time.time(), 0) + 0.01)
    again = await knock(showing(person, remembered), tried=tried)
    fresh = await knock(showing(person, other), tried=tried)
    if again.status == 200 and fresh.status != 200:
        raise Failed(
            tried=tried,
            observed="It was let in again. Another token, which expired at the same moment and had not "
            "been sent before, was refused.",
            expected="`exp` is looked at each time, also for a token that was good a minute ago. What "
            "you remember of tokens must end when they do.",
            misconception="exp-unchecked",
        )


async def require_only_the_token_counts(
    alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Headers, query and body that name somebody else change nothing."""
    script = Script(model)
    titles = [await tasks.create(person, script, words) for person in (alice, bob)]
    shown = {"Authorization": alice.headers["Authorization"]}
    liars = {
        f"the header `{name}: bob`": alice.sending({**shown, name: "bob"}) for name in USER_HEADERS
    }
    liars["the cookie `user_id=bob`"] = alice.sending({**shown, "Cookie": "user_id=bob; user=bob"})
    liars["`?user_id=bob` in the address"] = alice.sending(shown, "?user_id=bob&user=bob")
    bobs = bob.headers["Authorization"].removeprefix("Bearer ")
    liars["bob's token as `?access_token=…`"] = alice.sending(
        shown, f"?access_token={bobs}&token={bobs}"
    )
    liars["`user_id: bob` in the body"] = alice.sending(shown)
    for lie, liar in liars.items():
        turn = tasks.ToolTurn(script, words, ToolUse("list_tasks", {}))
        body = alice.message(turn.question)
        if "body" in lie:
            name = {"user_id": "bob", "user": "bob"}
            body = {**body, **name, "metadata": name, "context": name}
            body["params"] = {**body["params"], **name, "metadata": name}
        tried = f"Sent alice's token, and {lie}. The agent's tool listed the tasks."
        answer = await knock(liar, body, tried=tried)
        found = turn.outcome(tried, answer.short)
        if titles[0] not in found or titles[1] in found:
            raise Failed(
                tried=tried,
                observed="They were bob's." if titles[1] in found else "They were not alice's.",
                expected=_ONLY_SUB,
                misconception="header-believed" if "header" in lie else "request-believed",
            )


async def require_no_name_instead(alice: ChatKit) -> None:
    """Who has no good token is not let in by a header that names somebody."""
    for given in ({}, {"Authorization": "Bearer garbage"}):
        for name in USER_HEADERS:
            what = "a token that is none" if given else "no token"
            tried = f"Sent {what}, and the header `{name}: alice`."
            answer = await knock(alice.sending({**given, name: "alice"}), tried=tried)
            require_refused(answer, tried, "header-believed", _ONLY_SUB)


_ONLY_SUB = (
    "The user is the `sub` of the token, and nothing else: anybody can write a name into a request. "
    "Without a good token it is a 401."
)

__all__ = [
    "require_disbelieved",
    "require_expiry_noticed",
    "require_no_name_instead",
    "require_only_the_token_counts",
    "require_strangers_refused",
    "require_told_apart",
]
