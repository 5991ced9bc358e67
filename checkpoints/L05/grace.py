"""What becomes of an expired session: a new one for its owner, and nothing for anybody else."""

from __future__ import annotations

from checkpoints.engine.client import ChatKit, Turn
from checkpoints.engine.conversation import Said, converse, messages_in
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L05.cleaning import clean_up
from checkpoints.L05.expiry import HOUR


async def require_grace(
    tried: str, alice: ChatKit, model: Provider, words: Words, thread: str
) -> None:
    """A message to the expired session begins a new one, says so, and is answered."""
    question, answer = words.sentence(), words.sentence()
    model.forget()
    model.reply(lambda call: Say(answer))
    try:
        turn = await alice.say(question, thread)
    except Failed as failed:
        raise _not_graceful(tried, failed.observed) from None
    await _require_new_session(tried, alice, turn, thread, question, answer)


async def _require_new_session(
    tried: str, alice: ChatKit, turn: Turn, thread: str, question: str, answer: str
) -> None:
    if errors := turn.of_type("error"):
        raise _not_graceful(tried, f"The stream holds an error: {errors[0].get('message')}.")
    new = turn.thread_id
    if new in (None, thread) or turn.events[0]["type"] != "thread.created":
        raise _not_graceful(tried, "The stream does not begin with a `thread.created` of a new id.")
    if not turn.of_type("notice"):
        raise _not_graceful(
            tried, "The stream has no `notice`: nobody is told why the page changed."
        )
    strays = [item["type"] for item in turn.finished_items if item["thread_id"] != new]
    if strays:
        raise _not_graceful(tried, f"A {strays[0]} of the stream belongs to another thread.")
    wanted: Said = [("user_message", question), ("assistant_message", answer)]
    if messages_in(await alice.items(new or "")) != wanted:
        raise _not_graceful(tried, "The new thread does not hold the message and its answer.")


def _not_graceful(tried: str, observed: str) -> Failed:
    return Failed(
        tried=tried,
        observed=observed,
        expected="Status 200, `thread.created` with a new id, a `notice`, and then the message and "
        "its answer under the new id.",
        misconception="expiry-is-an-error",
    )


async def require_forgotten(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Nothing of an expired session is listed, opened, or sent to the model."""
    said, thread = await converse(alice, model, words, turns=2)
    lab.server.move_clock(25 * HOUR)
    old = [text for _, text in said]
    bodies = []
    for operation in ("threads.get_by_id", "items.list"):
        response = await alice.post({"type": operation, "params": {"thread_id": thread}})
        bodies.append((f"Asked for `{operation}` of an expired session.", response.text))
    listed = await alice.post({"type": "threads.list", "params": {"limit": 100}})
    bodies.append(("Asked for the list of threads.", listed.text.replace(thread, old[0])))
    model.forget()
    # How it is answered is another check's affair.
    await alice.post(alice.message(words.sentence(), thread))
    heard = "\n".join(text for call in model.calls for _, text in call.messages)
    bodies.append(("Sent a message to an expired session.", heard))
    for tried, body in bodies:
        if any(text in body for text in old):
            raise Failed(
                tried=tried,
                observed="The old conversation is in what came back, or in what the model was sent.",
                expected="An expired session is as good as gone: on no list, not to be opened, and "
                "unknown to the agent.",
                misconception="old-context-stays",
            )


async def require_nothing_told(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Bob gets the same answer for alice's expired session as for one that never was."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(25 * HOUR)
    for cleaned in (False, True):
        if cleaned:
            await clean_up(alice)
        there = await bob.post(bob.message(words.sentence(), thread))
        nowhere = await bob.post(bob.message(words.sentence(), thread[:-4] + "0000"))
        if (there.status_code, there.content) != (nowhere.status_code, nowhere.content):
            raise Failed(
                tried="Bob sent a message to alice's expired session, and one to an id that "
                "never was" + (", after the clean-up." if cleaned else "."),
                observed=f"The answers differ: {there.status_code} and {nowhere.status_code}.",
                expected="Both are the ordinary 404. Who is not the owner learns nothing.",
                misconception="tombstone-tells",
            )
        if nowhere.status_code != 404:
            raise Failed(
                tried="Sent a message to a thread that never was.",
                observed=f"The status is {nowhere.status_code}.",
                expected="404, before a stream begins.",
                misconception="unknown-is-expired",
            )
