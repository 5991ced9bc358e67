"""Sessions that begin, and that the same person goes on with: elsewhere, and after a crash."""

from __future__ import annotations

from itertools import pairwise

from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import Said, compare, converse, messages_in
from checkpoints.engine.midway import Script, midway
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words

IDS = 12  # threads whose ids are looked at
RANDOM_CHARACTERS = 16  # of an id: 64 bits, where they are hexadecimal


async def require_sessions_of_their_own(
    alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Each conversation begins a session, with an id that nobody can guess."""
    people = [alice, bob] * (IDS // 2)
    ids = [(await converse(person, model, words, turns=1))[1] for person in people]
    tried = f"Two people began {IDS} conversations."
    if len(set(ids)) < IDS:
        raise Failed(
            tried=tried,
            observed=f"They have only {len(set(ids))} different ids.",
            expected="`threads.create` begins a session with an id of its own, also for a person "
            "who has one already.",
            misconception="one-session",
        )
    changing = min(
        sum(one != other for one, other in zip(first, second, strict=False))
        for first, second in pairwise(ids)
    )
    # Of random hexadecimal digits every sixteenth is the same by chance.
    if changing < RANDOM_CHARACTERS * 5 // 8:
        raise Failed(
            tried=tried,
            observed=f"Ids that follow each other hardly differ: `{ids[0]}`, `{ids[1]}`.",
            expected="An id holds at least 64 random bits, such as `secrets.token_hex(16)`. Numbers "
            "that count, times and names can be guessed.",
            misconception="guessable-id",
        )


async def require_resumed_elsewhere(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Alice goes on with her conversation on another device, and bob does not see it."""
    said, thread = await converse(alice, model, words, turns=1)
    device = await lab.person("alice")
    tried = "Alice began a conversation. On another device, she asked for her list of threads"
    if thread not in await _listed(device):
        raise Failed(
            tried=f"{tried}.",
            observed="The conversation is not in it.",
            expected="`threads.list` gives a person all their live sessions, whatever device "
            "they were begun on.",
            misconception="bound-to-device",
        )
    tried += ", and sent a message to it."
    more = await _go_on(device, model, words, thread, tried)
    require_memory(tried, model, said[0][1])
    compare("The second message came from another device.", said + more, await alice.items(thread))
    if thread in await _listed(bob):
        raise Failed(
            tried="Alice began a conversation. Bob asked for his list of threads.",
            observed="Alice's conversation is in bob's list.",
            expected="A session belongs to the person who began it, and is on no other's list.",
            misconception="shared-sessions",
        )


async def require_crash_survived(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Killed in the middle of an answer and started again, the server has all that was finished."""
    said, thread = await converse(alice, model, words, turns=2)
    async with midway(alice, Script(model), words, thread) as cut:
        await lab.server.restart(patience=0)
    again = await lab.person("alice")
    tried = "Killed the server in the middle of an answer and started it"
    if thread not in await _listed(again):
        raise Failed(
            tried=f"{tried}. Then asked for the list of threads.",
            observed="The session is not in it any more.",
            expected="Sessions lie in the database, not in the memory of the process.",
            misconception="sessions-in-memory",
        )
    sent = f"{tried}. Then sent a message to the session."
    more = await _go_on(again, model, words, thread, sent)
    require_memory(sent, model, said[0][1])
    stored = messages_in(await again.items(thread))
    wanted = [*said, ("user_message", cut.question), *more]
    if [one for one in stored if one in wanted] != wanted:
        raise Failed(
            tried=f"{tried}. Then listed the thread's items.",
            observed=f"Of {len(wanted)} messages {sum(one in stored for one in wanted)} are there, or "
            "they are in another order.",
            expected="Each finished answer, each message of the user, also the one whose answer "
            "was cut, and then what came after the start.",
            misconception="lost-in-crash",
        )


def require_memory(tried: str, model: Provider, earlier: str) -> None:
    """Raise Failed unless the model was sent an earlier message along with the last one."""
    heard = [text for call in model.calls for _, text in call.messages]
    if not any(earlier in text for text in heard):
        raise Failed(
            tried=tried,
            observed=f"For the last one, the model was not sent the earlier message “{earlier}”.",
            expected="The conversation goes on where it was, with its history (lesson 4).",
            misconception="history-lost",
        )


async def _go_on(person: ChatKit, model: Provider, words: Words, thread: str, tried: str) -> Said:
    """One turn in a live session. Raises Failed where it, or the list, has a new one for it."""
    before = await _listed(person)
    said, where = await converse(person, model, words, turns=1, thread=thread)
    if where != thread or await _listed(person) - before:
        raise Failed(
            tried=tried,
            observed="A new conversation was begun, and the old one was still alive.",
            expected="A message to a live session goes on in it.",
            misconception="resume-opens-new",
        )
    return said


async def _listed(person: ChatKit) -> set[object]:
    """The ids of the threads in a person's list."""
    page = await person.ask("threads.list", limit=100)
    return {thread["id"] for thread in page["data"]}
