"""Requests at the server's door: with any headers, and with what has to be answered to a bad one."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import httpx

from checkpoints.engine.client import SILENCE_SECONDS, ChatKit
from checkpoints.engine.lockstep import PATIENCE_SECONDS, poll
from checkpoints.engine.verdict import Failed, short

LIST = {"type": "threads.list", "params": {"limit": 20}}
"""A request that changes nothing, and that every person may make."""

_SHORT = 120  # characters of a body that are shown


class Answer(NamedTuple):
    """What came back of a request."""

    status: int
    content_type: str
    challenge: str  # the header WWW-Authenticate, or ""
    text: str

    @property
    def short(self) -> str:
        """Status and body, for a sentence."""
        body = short(self.text, _SHORT)
        return f"status {self.status}" + (f": {body}" if body else "")

    def without(self, *ids: str) -> tuple[int, str, str]:
        """What it tells, where no id counts."""
        text = self.text
        for one in ids:
            text = text.replace(one, "…")
        return self.status, self.content_type, text


async def knock(person: ChatKit, body: Any = LIST, *, tried: str) -> Answer:
    """Send a body to the endpoint. Raises Failed where nothing comes back."""
    try:
        response = await person.post(body)
    except (TimeoutError, httpx.RequestError) as error:
        raise Failed(
            tried=tried,
            observed=f"No answer within {SILENCE_SECONDS:.0f} seconds."
            if isinstance(error, TimeoutError)
            else f"The server gave no answer ({str(error) or type(error).__name__}).",
            expected="Every request is answered, also one that is refused.",
            misconception="no-answer" if isinstance(error, TimeoutError) else "server-gone",
        ) from None
    return _read(response)


async def welcome(person: ChatKit, *, tried: str) -> Answer:
    """The answer to a good token. A server that has just started may still be fetching the keys."""
    answer, _ = await poll(
        lambda: knock(person, tried=tried), lambda answer: answer.status != 401, PATIENCE_SECONDS
    )
    return answer


def _read(response: httpx.Response) -> Answer:
    headers = response.headers
    return Answer(
        response.status_code,
        headers.get("content-type", "").partition(";")[0],
        headers.get("www-authenticate", ""),
        response.text,
    )


async def send(person: ChatKit, method: str, path: str) -> Answer:
    """The same for another of the server's addresses, without a body."""
    return _read(await person.send(method, path))


def showing(person: ChatKit, token: str) -> ChatKit:
    """The same person, who shows this token and sends no header beside it."""
    return person.sending({"Authorization": f"Bearer {token}"})


def require_refused(answer: Answer, tried: str, let_in: str, expected: str) -> None:
    """The answer is a 401 as HTTP wants it. `let_in`: the misconception where it is a success."""
    if answer.status < 400:
        observed, misconception = f"It was let in: {answer.short}", let_in
    elif answer.status >= 500:
        observed = f"The server broke: {answer.short}"
        misconception = "token-breaks-server"
        expected += " What a stranger sends is never an error of the server (5xx)."
    elif answer.status != 401:
        observed, misconception = f"The answer was {answer.short}", "not-401"
    elif not re.search(r"\bbearer\b", answer.challenge, re.IGNORECASE):
        observed = (
            f"Status 401, and the header WWW-Authenticate is `{answer.challenge}`."
            if answer.challenge
            else "Status 401, and there is no header WWW-Authenticate."
        )
        misconception = "no-challenge"
        expected += " Each 401 says in `WWW-Authenticate: Bearer` how to do it right."
    else:
        return
    raise Failed(tried=tried, observed=observed, expected=expected, misconception=misconception)
