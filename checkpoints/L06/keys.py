"""The issuer's keys: how often a server asks for them, and what it does when it gets no answer."""

from __future__ import annotations

import asyncio
import time

from checkpoints.engine import forgery
from checkpoints.engine.client import ChatKit
from checkpoints.engine.lockstep import eventually
from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L06.door import knock, showing, welcome

REQUESTS = 12  # of people whose key is known
MOST_FETCHES = 3  # for them: at the start, and for a second thought
FORGERIES = 40  # key ids that nobody has
MOST_FOR_FORGERIES = 8  # fetches; one for each would be 40
PAUSE = 60.0  # seconds on the server's clock, after which it may ask the issuer again
_AT_ONCE = 5.0  # seconds
COOLDOWN = 36.0  # real seconds: PyJWT's own client asks every 30 at most, by the machine's clock
_AGAIN = 0.25  # seconds between two tries


async def require_few_fetches(lab: Lab) -> None:
    """The keys are fetched once for many requests."""
    before = lab.identity.fetches
    people = [await lab.person("alice"), await lab.person("bob")]
    for number in range(REQUESTS):
        await _require_served(people[number % 2], "Sent requests with good tokens.")
    fetched = lab.identity.fetches - before
    if fetched > MOST_FETCHES:
        raise Failed(
            tried=f"Sent {REQUESTS} requests with good tokens, all signed with one key.",
            observed=f"Your server asked the issuer for its keys {fetched} times.",
            expected="It asks once, and keeps them. Else each request waits for the issuer, and all are "
            "lost when that is down.",
            misconception="fetches-each-time",
        )


async def require_few_for_strangers(lab: Lab, person: ChatKit, words: Words) -> None:
    """Tokens with made-up key ids do not make the server ask again and again."""
    before = lab.identity.fetches
    for _ in range(FORGERIES):
        forged = forgery.unknown_key(lab.identity, "alice", words.word())
        await knock(showing(person, forged), tried="Sent a token with a made-up key id.")
    fetched = lab.identity.fetches - before
    if fetched > MOST_FOR_FORGERIES:
        raise Failed(
            tried=f"Sent {FORGERIES} forged tokens, each with another key id that nobody has.",
            observed=f"Your server asked the issuer for its keys {fetched} times.",
            expected="It asks a few times a minute at most. Anybody can make up key ids: else strangers "
            "decide how often you call the issuer.",
            misconception="fetches-for-strangers",
        )


async def require_rotation(lab: Lab) -> None:
    """A new key is believed soon, and the last one as long as the issuer publishes it."""
    old = await lab.person("alice")
    await _require_served(old, "Sent a request with a good token.")
    unseen = await lab.person("alice")  # whoever remembers tokens has never seen this one
    began = time.monotonic()
    lab.identity.rotate()
    new = await lab.person("alice")
    tried = "Let the issuer sign with a new key. It publishes the last one too."
    if not await _believed_soon(lab, new):
        raise Failed(
            tried=f"{tried} Sent a token that is signed with the new key, again and again.",
            observed=f"It was refused, also after {COOLDOWN:.0f} seconds.",
            expected="A key id that is not known is a reason to fetch the keys again. Within 30 seconds "
            "a new key is believed.",
            misconception="never-refreshed",
        )
    await _require_served(
        old,
        f"{tried} Your server believed a token of the new key. Sent one of the last key.",
        "The issuer publishes that key still, for such tokens are still about.",
        "last-key-lost",
    )
    if time.monotonic() - began < _AT_ONCE:  # else a second time would take as long again
        await _require_withdrawn(lab, unseen)


async def _require_withdrawn(lab: Lab, old: ChatKit) -> None:
    """A key that the issuer has taken back is believed no longer, once the keys are fetched anew."""
    lab.identity.rotate()
    newest = await lab.person("alice")
    if not await _believed_soon(lab, newest):
        return  # how soon a new key is believed has been asked already
    tried = "Let the issuer sign with a third key. The first one is not published any more."
    if (await knock(old, tried=tried)).status == 200:
        raise Failed(
            tried=f"{tried} Your server fetched the keys and believed a token of the third. Sent one "
            "of the first.",
            observed="It was believed.",
            expected="What was fetched takes the place of the keys that were there. An issuer takes a "
            "key back when somebody may have stolen it.",
            misconception="withdrawn-key",
        )


async def _believed_soon(lab: Lab, person: ChatKit) -> bool:
    """Whether they are let in: at once, a minute later on the server's clock, or half a real one."""

    async def let_in() -> bool:
        return (await knock(person, tried="Sent a token of a new key.")).status == 200

    if await let_in():
        return True
    lab.server.move_clock(PAUSE)
    give_up = time.monotonic() + COOLDOWN
    while not (believed := await let_in()) and time.monotonic() < give_up:  # noqa: ASYNC110
        await asyncio.sleep(_AGAIN)
    return believed


async def require_outage_survived(lab: Lab, words: Words) -> None:
    """With the issuer down, and then dumb, people whose key is known are served all the same."""
    identity = lab.identity
    alice = await lab.person("alice")
    await _require_served(alice, "Sent a request with a good token.")
    stranger = showing(alice, forgery.unknown_key(identity, "alice", words.word()))
    identity.down = True
    for tried in (
        "The issuer answers with the status 503.",
        "The issuer has been answering with the status 503 for a minute.",
    ):
        await _require_refused_calmly(stranger, f"{tried} Sent a token with an unknown key id.")
        await _require_served(alice, f"{tried} Sent a token whose key was known.", _KEPT)
        lab.server.move_clock(PAUSE)
    identity.down, identity.stalled = False, True
    asked = identity.fetches
    tried = "The issuer takes requests, and does not answer."
    waiting = asyncio.create_task(
        _require_refused_calmly(stranger, f"{tried} Sent a token with an unknown key id.")
    )
    try:
        await eventually(lambda: identity.fetches > asked or waiting.done())
        await _require_served(alice, f"{tried} Sent a token whose key was known.", _KEPT)
        await waiting
    finally:
        waiting.cancel()


_KEPT = (
    "Keys that are known are good for some minutes, whatever the issuer does. A fetch that fails takes "
    "nothing away."
)


async def _require_served(
    person: ChatKit, tried: str, expected: str = "", misconception: str = "good-token-refused"
) -> None:
    answer = await welcome(person, tried=tried)
    if answer.status != 200:
        raise Failed(
            tried=tried,
            observed=f"It was not served: {answer.short}",
            expected=f"A good token is believed. {expected}".strip(),
            misconception="outage-locks-out" if expected == _KEPT else misconception,
        )


async def _require_refused_calmly(stranger: ChatKit, tried: str) -> None:
    try:
        answer = await knock(stranger, tried=tried)
    except Failed as failed:
        raise Failed(
            tried=tried,
            observed=failed.observed,
            expected="The server gives the issuer a few seconds to answer, and then goes on without it. "
            "A client for HTTP takes that as its `timeout`.",
            misconception="waits-for-issuer",
        ) from None
    if answer.status not in (401, 503):
        raise Failed(
            tried=tried,
            observed=f"The answer was {answer.short}",
            expected="401, or 503 for a key that cannot be looked up now. A fetch may fail, and that is "
            "no error of your server.",
            misconception="outage-breaks-server",
        )
