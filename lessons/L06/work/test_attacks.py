"""Attacks, as tests: each of them tries something that must not work.

`make check-06` runs them against a right server, where all must pass, and against servers with one
hole each, where at least one must fail. Two fixtures are given:

    url      the address of a server's ChatKit endpoint
    token    a function that returns a token, signed by the issuer that the server believes:
             token("alice")                    good for an hour
             token("bob", lifetime=-60)        it ran out a minute ago
             token("alice", aud="elsewhere")   with another claim; aud=None leaves one out

All that pytest can do works here, `async def` too. No test may take more than 15 seconds.
"""

import json
from collections.abc import Callable
from typing import Any

import httpx

Token = Callable[..., str]


def ask(url: str, token: str | None, operation: str, **params: Any) -> httpx.Response:
    """Send one operation, with this token or without any."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.post(url, json={"type": operation, "params": params}, headers=headers)


def message(text: str) -> dict[str, Any]:
    """A message as ChatKit writes it, for the parameter `input`."""
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": [], "inference_options": {}}


def new_thread(url: str, token: str) -> str:
    """Begin a thread, and return its id: it stands in the first event of the answer."""
    answer = ask(url, token, "threads.create", input=message("Remind me of the dentist."))
    first, _, _ = answer.text.partition("\n")
    return str(json.loads(first.removeprefix("data: "))["thread"]["id"])


def test_without_a_token_nobody_gets_in(url: str) -> None:
    answer = ask(url, None, "threads.list")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
