"""What is kept of an answer that was cut, and what the model is told of it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checkpoints.engine.conversation import Said, show
from checkpoints.engine.midway import Answer
from checkpoints.engine.provider import Call
from checkpoints.engine.verdict import Failed

_EXPECTED = (
    "The thread holds the old question, the old answer as far as it came, and then what was said "
    "after it."
)


def require_partial(
    tried: str, old: Answer, stored: Said, *, after: Sequence[tuple[str, str]] = ()
) -> None:
    """The thread holds question, partial answer, and what came after it, in this order."""
    later = [text for _, text in after]
    kept = [
        text for kind, text in stored if kind == "assistant_message" and text and text not in later
    ]
    if not kept:
        raise Failed(
            tried=tried,
            observed=f"Nothing of the old answer is stored, though “{_short(old.heard)}” had been "
            f"read. There are: {show(stored)}.",
            expected=f"{_EXPECTED} ChatKitServer stores it in `handle_stream_cancelled` when the "
            "turn's task is cancelled. That takes a moment, in which nobody may cancel it again.",
            misconception="partial-lost",
        )
    if len(kept) > 1:
        raise Failed(
            tried=tried,
            observed=f"The old answer is stored {len(kept)} times: {show(stored)}.",
            expected=f"{_EXPECTED} ChatKitServer stores the unfinished answer of a cancelled turn: "
            "nothing needs to store it again.",
            misconception="stored-twice",
        )
    if not old.said.startswith(kept[0]) or not kept[0].startswith(old.heard.strip()):
        raise Failed(
            tried=tried,
            observed=f"The model had said “{_short(old.said)}”, of which the page had shown "
            f"“{_short(old.heard)}”. Stored is “{_short(kept[0])}”.",
            expected="What is stored is the beginning of what the model said, at least as far as it "
            "was shown, and nothing else. A note that the answer was cut belongs beside it.",
            misconception="no-true-prefix",
        )
    if stored != [("user_message", old.question), ("assistant_message", kept[0]), *after]:
        raise Failed(
            tried=tried,
            observed=f"They are stored in this order: {show(stored)}.",
            expected=f"{_EXPECTED} So the old turn has ended, and has stored what it had, before the "
            "new message is stored.",
            misconception="stored-in-disorder",
        )


def _short(text: str) -> str:
    """The text, or its end: there the differences are."""
    text = text.strip()
    return text if len(text) <= 200 else f"…{text[-200:]}"


def beside(call: Call, *known: str) -> set[str]:
    """The texts of a call to the model without what is known, and without words that hold a digit.

    Ids and times differ from turn to turn, and say nothing.
    """
    texts = set()
    for _, text in call.messages:
        for one in known:
            text = text.replace(one.strip(), " ")
        texts.add(" ".join(re.sub(r"\S*\d\S*", " ", text).split()))
    return texts
