"""What the page sends, as it is seen on the wire."""

from __future__ import annotations

from playwright.async_api import Error

from checkpoints.engine.identity import Identity
from checkpoints.engine.provider import Provider
from checkpoints.engine.verdict import Failed, Slip
from checkpoints.engine.visitor import PATIENCE, Sent, Visitor

BOARD = ("Release 2.0", "Today", "Waiting for somebody", "This week")
"""The first headings of the page that is opened first; a fifth one is seen, or is hidden."""
SIXTH = "Rules of this board"
TEAM = "The team"


def require_token(all_sent: list[Sent], question: str, identity: Identity) -> None:
    """The message's request has the token that somebody signed in for, and what it had before."""
    tried = "Signed in and sent a message from the page. Looked at the request."
    requests = [sent for sent in all_sent if question in sent.text]
    if not requests:
        raise Failed(
            tried=tried,
            observed="No POST request with the message has left the page.",
            expected="The element hands its request to your `fetch`, which hands it on to the real "
            "one: same URL, same method, and the body with what you add to it.",
            misconception="nothing-sent",
        )
    sent = requests[-1]
    given = sent.headers.get("authorization", "")
    if given not in {f"Bearer {token}" for token in identity.given[-1:]}:
        if not given:
            observed = "It has no header Authorization."
        elif given in identity.given[-1:]:
            observed = (
                "Its header Authorization holds the token without the word `Bearer` before it."
            )
        elif given in {"Bearer null", "Bearer undefined", "Bearer [object Object]", "Bearer"}:
            observed = f"Its header Authorization is `{given}`."
        else:
            observed = "Its header Authorization has another token than the page was given."
        raise Failed(
            tried=tried,
            observed=observed,
            expected="`Authorization: Bearer` and the token of this moment: `token()` is called for "
            "each request.",
            misconception="token-not-sent",
        )
    if not sent.headers.get("content-type", "").startswith("application/json"):
        raise Failed(
            tried=tried,
            observed="The headers that the element had set are lost: Content-Type is "
            f"`{sent.headers.get('content-type', 'not there')}`.",
            expected="They are still there beside yours. `init.headers` may be a Headers object, and "
            "`{...headers}` of one is empty; `new Headers(init.headers)` takes any form.",
            misconception="headers-lost",
        )


def heard(model: Provider) -> str:
    """What the model was told last beside its instructions."""
    return "\n".join(
        text for call in model.calls[-1:] for role, text in call.messages if role != "system"
    )


def instructed(model: Provider) -> str:
    """The instructions that the model was given last."""
    return "\n".join(call.instructions for call in model.calls[-1:])


def require_page_sent(sent: Sent, model: Provider, tried: str, heading: str) -> None:
    """Where the page has told of itself, the server hands it on. Which half is missing, is said."""
    if heading in str(sent.body.get("metadata")) and heading not in heard(model) + instructed(
        model
    ):
        raise Failed(
            tried=tried,
            observed=f"The page sent “{heading}” in `metadata.page`, and the model was not told.",
            expected="In `app/main.py` the router takes `on_page(signed_in)`, and `_notes()` in "
            "`app/history.py` tells the agent.",
            misconception="page-not-told",
            slips=[Slip("page-not-told", "app/main.py::<module>")],
        )


def require_page_told(model: Provider, tried: str, *parts: str) -> None:
    """The model has heard these parts of the page, and not among its instructions."""
    told = heard(model)
    if missing := [part for part in parts if part not in told]:
        among = [part for part in parts if part in instructed(model)]
        observed = (
            f"The agent's instructions hold “{among[0]}”, and its messages do not."
            if among
            else f"The model was told nothing of “{missing[0]}”."
        )
        raise Failed(
            tried=tried,
            observed=observed,
            expected="The page sends `metadata.page` with URL, title and the first five headings of "
            "this moment. The server hands it to the agent as a note in the user's name: what a page "
            "says are no instructions.",
            misconception="page-in-instructions" if among else "page-not-told",
        )


def require_not_told(sent: Sent, model: Provider, tried: str, secrets: dict[str, str]) -> None:
    """None of these words has left the page. `secrets`: word → where it stood."""
    for word, where in secrets.items():
        if word in sent.text or word in heard(model):
            raise Failed(
                tried=tried,
                observed=f"{where} was sent along.",
                expected="Of a page, the URL without query and fragment, the title and five headings. "
                "What people type is theirs, and codes and tokens travel in addresses.",
                misconception="too-much-of-the-page",
            )


async def require_chat_gone(visitor: Visitor) -> None:
    """After signing out nothing of the conversation is on the page."""
    await visitor.press("Sign out")
    try:
        await visitor.answers.first.wait_for(state="detached", timeout=PATIENCE)
    except Error:
        raise Failed(
            tried="Had a conversation at the page, and signed out.",
            observed="The conversation can still be read.",
            expected="Who has signed out leaves nothing on the page: the chat goes with them.",
            misconception="people-mixed-up",
        ) from None
