"""Whatever anybody asks checkpoint 6's server for, nobody reads or changes what is somebody else's.

All operations, in a random order, with ids of everybody and of nobody. The seed is printed;
`ISOLATION_SEED=4711` runs the same again.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from chatkit.types import (
    ClientToolCallItem,
    FileAttachment,
    HiddenContextItem,
    StructuredInputFreeform,
    StructuredInputItem,
    ThreadMetadata,
    WidgetItem,
)
from chatkit.widgets import DynamicWidgetRoot

from checkpoints.engine import operations
from checkpoints.engine.client import ChatKit
from checkpoints.engine.identity import Identity
from checkpoints.engine.midway import Script, midway
from checkpoints.engine.provider import Provider
from checkpoints.engine.server import StudentServer
from checkpoints.engine.warm import Starter, make_starter
from checkpoints.engine.words import Words
from shared import clock

from .databases import DATABASES, place
from .people import APP, Answer, Dump, House, Json, context, obedient, store_class, words_in

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PEOPLE = ("alice", "bob", "carol")
NOBODY = None  # has no token
MADE_UP = "made up"  # whose ids belong to nobody
ROUNDS = 6  # of people who speak at the same time


OF_ITEMS = {
    "threads.retry_after_item": "user_message",
    "threads.custom_action": "widget",
    "threads.sync_custom_action": "widget",
    "threads.add_structured_input": "structured_input",
    "items.list": "",
    "items.feedback": "",
    "attachments.delete": "",
}
"""The operations that name an item, and the type that it should have."""

WORK_FOR_ONESELF = {
    "threads.create",
    "threads.add_user_message",
    "threads.retry_after_item",
    "threads.get_by_id",
    "threads.list",
    "items.list",
    "threads.update",
    "threads.delete",
}
"""What must have worked at least once, or this test has tried nothing."""


class Attempt(NamedTuple):
    """Who asks for what, in whose thread, with whose item; or in a thread that has expired."""

    speaker: str | None
    operation: str
    thread_of: str
    item_of: str
    expired: bool = False

    @property
    def foreign(self) -> bool:
        return bool({self.thread_of, self.item_of} - {self.speaker, MADE_UP})


def all_attempts() -> list[Attempt]:
    owners = (*PEOPLE, MADE_UP)
    return [
        Attempt(speaker, operation, thread_of, item_of, expired)
        for speaker in (*PEOPLE, NOBODY)
        for operation in operations.ALL
        for thread_of in owners
        for item_of in (owners if operation in OF_ITEMS else (thread_of,))
        for expired in ((False,) if operation in OF_ITEMS else (False, True))
    ]


# The house, and what people have in it


@pytest.fixture(scope="module")
def chance() -> random.Random:
    seed = int(os.environ.get("ISOLATION_SEED", random.randrange(10**6)))
    print(f"ISOLATION_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def words(chance: random.Random) -> Words:
    return Words(chance)


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    made = make_starter()
    yield made
    made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=DATABASES)
async def house(
    request: pytest.FixtureRequest, starter: Starter, words: Words
) -> AsyncIterator[House]:
    """The server on one database after the other, with everybody's conversations in it."""
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(Provider())
        identity = await stack.enter_async_context(Identity())
        where = place(request.param, request)
        model.reply(obedient)
        settings = {**model.environment, **identity.environment, **where.environment}
        server = StudentServer(APP, starter, settings)
        stack.push_async_callback(server.close)
        await server.start()
        database = where.open(server.database)
        stack.push_async_callback(database.close)
        http = await stack.enter_async_context(
            httpx.AsyncClient(timeout=30, trust_env=False, verify=False)
        )
        house = House(server, model, identity, database, http)
        for person in PEOPLE:
            await move_in(house, person, words)
        yield house


async def move_in(house: House, person: str, words: Words) -> None:
    """Two conversations, tasks, facts; then threads with items of the rarer types, and of these two
    that have expired."""
    for _ in range(2):
        assert (await house.say(person, words.sentence())).status == 200
    [first, *_] = (await house.dump()).threads(person)
    for text in ("create_task", "create_task", "remember_fact"):
        assert (await house.say(person, f"{text} {words.word()}", first)).status == 200
    await house.send(person, request("threads.update", first, "", words))
    store, who = store_class("UserStore")(house.database), context(person)
    base: Json = {"created_at": clock.now()}
    for number in range(5):
        thread = store.generate_thread_id(who)
        metadata = {"facts": {"project": {"name": words.word()}}}
        await store.save_thread(
            ThreadMetadata(id=thread, title=words.word(), metadata=metadata, **base), who
        )
        now = clock.utc_text(clock.now()) if number < 3 else "2019-12-31T12:00:00.000000Z"
        await house.database.for_user(person).write(
            "INSERT INTO sessions (user_id, thread_id, created_at, active_at) VALUES (?, ?, ?, ?)",
            [person, thread, now, now],
        )
        widget = DynamicWidgetRoot.model_validate(
            {"type": "Card", "children": [{"type": "Text", "value": words.word()}]}
        )
        question = StructuredInputFreeform(id="why", question=words.sentence())
        rare: Sequence[Any] = (
            HiddenContextItem(id="", thread_id=thread, content=words.word(), **base),
            WidgetItem(id="", thread_id=thread, widget=widget, **base),
            StructuredInputItem(
                id="", thread_id=thread, status="pending", inputs=[question], **base
            ),
            ClientToolCallItem(
                id="",
                thread_id=thread,
                call_id=words.word(),
                name=words.word(),
                arguments={"a": words.word()},
                **base,
            ),
        )
        for item in rare[: 2 + number % 3]:
            item.id = store.generate_item_id("message", None, who)
            await store.save_item(thread, item, who)
    await store.save_attachment(
        FileAttachment(
            id=store.generate_item_id("message", None, who),
            name=words.word(),
            mime_type="text/plain",
        ),
        who,
    )


def request(operation: str, thread: str, item: str, words: Words) -> Json:
    """The body; with an id also where the protocol takes none, or takes it as a cursor only."""
    body = operations.request(operation, thread, item, words.sentence())
    more: dict[str, Json] = {
        "threads.create": {"thread_id": thread},
        "threads.list": {"limit": 3, "order": "asc", "after": thread},
        "items.list": {"order": "asc", "after": item},
    }
    body["params"] |= more.get(operation, {})
    return body


def made_up(prefix: str, chance: random.Random) -> str:
    return f"{prefix}_{chance.randbytes(16).hex()}"


def aim(attempt: Attempt, dump: Dump, chance: random.Random) -> tuple[str, str]:
    """The ids of a thread and of an item of those who are meant; an item that fits, if there is one."""
    thread, item = made_up("thr", chance), made_up("msg", chance)
    items = dump.items_of(attempt.item_of)
    fitting = [one for one in items if one[2] == OF_ITEMS.get(attempt.operation)] or items
    if fitting:
        of_thread, item, _ = chance.choice(fitting)
        if attempt.thread_of == attempt.item_of and not attempt.expired:
            return of_thread, item
    if threads := dump.threads(attempt.thread_of, expired=attempt.expired):
        thread = chance.choice(threads)
    return thread, item


# The tests


async def test_nobody_gets_at_what_is_somebody_elses(
    house: House, chance: random.Random, words: Words
) -> None:
    attempts = all_attempts()
    chance.shuffle(attempts)
    worked: set[str] = set()
    before = await house.dump()
    for attempt in attempts:
        thread, item = aim(attempt, before, chance)
        body = request(attempt.operation, thread, item, words)
        lie = {"X-Demo-User": chance.choice(PEOPLE)}
        house.model.calls.clear()
        answer = await house.send(attempt.speaker, body, lie)
        after = await house.dump()
        require_untouched(attempt, answer, before, after)
        require_untold(attempt, answer, house.heard(), before)
        if attempt.speaker is NOBODY:
            assert answer.status == 401, attempt
        elif attempt.foreign:
            await require_as_if_missing(house, attempt, body, thread, item, answer, before, chance)
            after = await house.dump()
        elif answer.status == 200:
            worked.add(attempt.operation)
        before = after
    assert worked >= WORK_FOR_ONESELF


def require_untouched(attempt: Attempt, answer: Answer, before: Dump, after: Dump) -> None:
    """Nobody's rows have changed but those of who was speaking, and of a stranger's none at all."""
    for owner in {*before, *after} - {attempt.speaker}:
        assert after.get(owner) == before.get(owner), (attempt, answer)


def require_untold(attempt: Attempt, answer: Answer, heard: str, before: Dump) -> None:
    """Nothing that stands in somebody else's rows came back, nor was the model told of it."""
    assert answer.status < 500 or answer.status == 501, (attempt, answer)
    assert '"type":"error"' not in answer.text, (attempt, answer)
    for owner in set(before) - {attempt.speaker}:
        secrets = before.secrets(owner)
        assert not words_in(answer.text) & secrets, (attempt, owner, answer)
        assert not words_in(heard) & secrets, (attempt, owner)


async def require_as_if_missing(
    house: House,
    attempt: Attempt,
    body: Json,
    thread: str,
    item: str,
    answer: Answer,
    before: Dump,
    chance: random.Random,
) -> None:
    """The same request, with ids of nobody in place of somebody else's, is answered the same."""
    other_thread = thread if attempt.thread_of == attempt.speaker else made_up("thr", chance)
    other_item = item if attempt.item_of == attempt.speaker else made_up("msg", chance)
    text = json.dumps(body).replace(thread, other_thread).replace(item, other_item)
    missing = await house.send(attempt.speaker, text.encode())
    if attempt.operation == "threads.create":  # it takes no thread, whatever it is given
        assert answer.status == missing.status, attempt
        return
    ids = (thread, item, other_thread, other_item)
    assert answer.without(ids) == missing.without(ids), attempt
    if attempt.thread_of != attempt.speaker:
        assert before[str(attempt.speaker)] == (await house.dump())[str(attempt.speaker)], attempt


async def test_an_answer_on_its_way_is_not_disturbed(
    house: House, chance: random.Random, words: Words
) -> None:
    async with person(house, "alice") as alice:
        script = Script(house.model)
        async with midway(alice, script, words) as answer:
            dump = await house.dump()
            item = next(id for of, id, _ in dump.items_of("alice") if of == answer.thread)
            for operation in chance.sample(operations.ALL, len(operations.ALL)):
                for speaker in ("bob", NOBODY):
                    await house.send(speaker, request(operation, answer.thread, item, words))
            answer.gate.open()
            await answer.turn.read_all()
            assert answer.turn.streamed_text == answer.text
    house.model.forget()
    house.model.reply(obedient)


async def test_people_who_speak_at_the_same_time_are_not_mixed_up(
    house: House, words: Words
) -> None:
    async def live(speaker: str) -> None:
        titles: list[str] = []
        for _ in range(ROUNDS):
            titles.append(words.word())
            made = await house.say(speaker, f"create_task {titles[-1]}")
            listed = await house.say(speaker, "list_tasks")
            assert titles[-1] in made.text
            assert set(titles) <= words_in(listed.text)
            heard[speaker] |= words_in(made.text) | words_in(listed.text)

    heard: dict[str, set[str]] = {name: set() for name in PEOPLE}
    await asyncio.gather(*map(live, PEOPLE))
    dump = await house.dump()
    for speaker, other in itertools.permutations(PEOPLE, 2):
        assert not heard[speaker] & dump.secrets(other)


HALF_A_PAIR = "\ud800"  # of surrogates: no Unicode text holds it
ODD_IDS: dict[str, Any] = {
    "empty": "",
    "NUL": "thr_\0",
    "a NUL behind the id": "{thread}\0",
    "half of a surrogate pair": HALF_A_PAIR,
    "SQL": "' OR user_id = 'alice' --",
    "SQL in double quotes": '" OR 1 = 1; DROP TABLE threads; --',
    "a pattern": "thr_%",
    "long": "thr_" + "a" * 100_000,
    "a path": "../../alice/{thread}",
    "a space behind it": "{thread} ",
    "capitals": "{THREAD}",
    "a number": 7,
    "a big number": 10**30,
    "true": True,
    "null": None,
    "a list": ["{thread}"],
    "an object": {"$ne": ""},
    "a placeholder": "$1 ?1 ? {thread} %s",
}


@pytest.mark.parametrize("odd", ODD_IDS)
async def test_odd_ids_are_nobodys(house: House, words: Words, odd: str) -> None:
    before = await house.dump()
    thread = before.threads("alice")[0]
    text = json.dumps(ODD_IDS[odd]).replace("{thread}", thread).replace("{THREAD}", thread.upper())
    for operation in operations.ALL:
        body = json.dumps(request(operation, "an odd one", "an odd one", words))
        house.model.calls.clear()
        answer = await house.send("bob", body.replace('"an odd one"', text).encode())
        attempt = Attempt("bob", operation, odd, odd)
        after = await house.dump()
        require_untouched(attempt, answer, before, after)
        require_untold(attempt, answer, house.heard(), before)


ODD_TEXTS = [
    "a\0b",
    HALF_A_PAIR,
    "'; DROP TABLE threads; --",
    "$1 ? ?1",
    "\u2028\u202e",
    "x" * 5_000,
]


@pytest.mark.parametrize("odd", ODD_TEXTS, ids=lambda text: ascii(text[:12]))
async def test_odd_texts_do_no_harm(house: House, odd: str) -> None:
    before = await house.dump()
    [thread, *_] = before.threads("carol")
    house.model.calls.clear()
    answers = [
        await house.say("carol", text, thread)
        for text in (odd, f"create_task {odd}", f"remember_fact {odd}")
    ]
    params = {"thread_id": thread, "title": odd}
    answers.append(await house.send("carol", {"type": "threads.update", "params": params}))
    after = await house.dump()
    attempt = Attempt("carol", odd, "carol", "carol")
    for answer in answers:
        require_untold(attempt, answer, house.heard(), before)
        require_untouched(attempt, answer, before, after)
        assert answer.status == (400 if odd == HALF_A_PAIR else 200), answer


LOOK_ALIKES = [
    "ALICE",
    "Alice",
    "alice ",
    " alice",
    "alice\u200b",
    "alice\0",
    "\u0430lice",
    "al\u0131ce",
    "alice\u0301",
    "\uff41lice",
    "alice' OR '1'='1",
    "alice%",
    "a_ice",
    "$1",
    "",
    "x" * 255,
    "x" * 256,
]


@pytest.mark.parametrize("name", LOOK_ALIKES, ids=lambda name: ascii(name[:20]))
async def test_who_looks_like_alice_is_not_alice(
    house: House, chance: random.Random, words: Words, name: str
) -> None:
    before = await house.dump()
    for operation in operations.ALL:
        attempt = Attempt(name, operation, "alice", "alice")
        thread, item = aim(attempt, before, chance)
        house.model.calls.clear()
        answer = await house.send(name, request(operation, thread, item, words))
        after = await house.dump()
        require_untouched(attempt, answer, before, after)
        require_untold(attempt, answer, house.heard(), before)
        if operation == "threads.get_by_id":
            assert answer.status in (401, 404)
    assert (await house.say(name, "list_tasks")).status in (200, 401)


@asynccontextmanager
async def person(house: House, name: str) -> AsyncIterator[ChatKit]:
    """A client as the checks have it."""
    async with httpx.AsyncClient(
        base_url=house.server.base_url, timeout=30, trust_env=False, verify=False
    ) as http:
        yield ChatKit(http, "/chatkit", name, house.identity.token(name))
