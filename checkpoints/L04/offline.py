"""The question that the lesson begins with, put to the offline model."""

from __future__ import annotations

from checkpoints.engine.client import ChatKit, Turn, text_of
from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import Failed
from checkpoints.L04.talk import shown

ASKED = "What did I ask earlier?"


async def restart_offline(lab: Lab) -> ChatKit:
    """Start the server without an address and a key. Returns a person at it."""
    none = {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": "", "CHATKIT_MODEL": ""}
    await lab.server.process.stop()
    await lab.server.start(CHATKIT_PACE="0", **none)
    return await lab.person("alice")


async def ask(alice: ChatKit, text: str, thread: str | None) -> Turn:
    """Say something, and read the answer."""
    turn = await alice.say(text, thread)
    turn.tried = f"Started the server without a key, so with the offline model. {turn.tried}"
    turn.require_no_error()
    return turn


async def require_remembered(alice: ChatKit, thread: str | None, asked: list[str]) -> None:
    """The answer names what the newest questions were about."""
    answer = _said(await ask(alice, ASKED, thread))
    missing = [word for word in asked[-3:] if word not in answer]
    if missing:
        raise Failed(
            tried=f"With the offline model asked {len(asked)} questions, and then: “{ASKED}”",
            observed=f"The answer does not name “{missing[-1]}”, which one of the newest was about: "
            f"“{shown(answer)}”",
            expected="The offline model answers from what it is sent, and from nothing else. It needs "
            "no key: every agent of yours gets its model from `get_model()`.",
            misconception="not-remembered",
        )


async def require_nothing_remembered(alice: ChatKit, asked: list[str]) -> None:
    """In a new thread nothing is named."""
    answer = _said(await ask(alice, ASKED, None))
    if any(word in answer for word in asked):
        raise Failed(
            tried=f"Began another thread with “{ASKED}”",
            observed=f"It was answered with the questions of the first thread: “{shown(answer)}”",
            expected="Each thread has its own history. A new one has none.",
            misconception="shared-history",
        )


def _said(turn: Turn) -> str:
    return "\n".join(text_of(item) for item in turn.answers)
