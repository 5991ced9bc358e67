"""Talking to a server for a while, and comparing what was said with what it has stored."""

from __future__ import annotations

from checkpoints.engine.client import ChatKit, Event, text_of
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words

Said = list[tuple[str, str]]
"""Type and text of each message, in the order of the conversation."""


async def converse(
    alice: ChatKit, model: Provider, words: Words, *, turns: int, thread: str | None = None
) -> tuple[Said, str]:
    """Some turns in one thread. Returns (type, text) of what was said, and the thread at the end."""
    said: Said = []
    for _ in range(turns):
        question, answer = words.sentence(), words.sentence()
        model.forget()
        model.reply(lambda call, answer=answer: Say(answer))  # type: ignore[misc]
        turn = await alice.say(question, thread)
        turn.require_no_error()
        thread = turn.thread_id or thread
        said += [("user_message", question), ("assistant_message", answer)]
    return said, thread or ""


def messages_in(items: list[Event]) -> Said:
    """The messages among a thread's items; workflows, widgets and the like are left out."""
    messages = [item for item in items if item["type"] in ("user_message", "assistant_message")]
    return [(item["type"], text_of(item).strip()) for item in messages]


def compare(when: str, said: Said, items: list[Event]) -> None:
    """Raise Failed unless the messages among the items are what was said, in order, each once."""
    turns = len(said) // 2
    tried = f"Sent {turns} messages to one thread and read the answers. {when}"
    expected = (
        f"{len(said)} items in the order of the conversation: question, answer, {turns} times."
    )
    stored = messages_in(items)
    if stored == said:
        return
    missing = [pair for pair in said if pair not in stored]
    answers_lost = [pair for pair in missing if pair[0] == "assistant_message"]
    if 0 < len(answers_lost) < turns and len(missing) == len(answers_lost):
        raise Failed(
            tried=tried,
            observed=f"Of {turns} answers {turns - len(answers_lost)} can be found. Later ones took "
            "the place of earlier ones: their items have the same id.",
            expected=expected + " Each item has an id of its own. (A model that is spoken to over "
            "Chat Completions gives every item the same one; `get_model()` mends that.)",
            misconception="same-item-id",
        )
    if missing:
        kind = "the user's messages" if missing[0][0] == "user_message" else "the answers"
        raise Failed(
            tried=tried,
            observed=f"{len(missing)} of {len(said)} are missing, among them {kind}. There are: "
            f"{show(stored)}.",
            expected=expected,
            misconception="not-stored",
        )
    if len(stored) > len(said):
        raise Failed(
            tried=tried,
            observed=f"{len(stored)} messages are stored, some twice: {show(stored)}.",
            expected=expected + " ChatKitServer stores what `thread.item.done` carries. Nothing "
            "needs to store it again.",
            misconception="stored-twice",
        )
    raise Failed(
        tried=tried,
        observed=f"They are stored in another order: {show(stored)}.",
        expected=expected,
        misconception="stored-in-disorder",
    )


def show(stored: Said) -> str:
    """The messages in short, for a sentence."""
    short = {"user_message": "question", "assistant_message": "answer"}
    shown = [f"{short[kind]} “{text[:12]}…”" for kind, text in stored[:6]]
    return ", ".join(shown + ["…"] * (len(stored) > 6)) or "nothing"
