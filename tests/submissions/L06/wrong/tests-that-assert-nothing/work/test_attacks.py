"""They try a lot."""

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


def test_a_forged_token(url: str, token: Token) -> None:
    head, payload, _ = token("alice").split(".")
    try:
        answer = ask(url, f"{head}.{payload}.AAAA", "threads.list")
        print("refused" if answer.status_code == 401 else "NOT REFUSED")
    except httpx.HTTPError as error:
        print(error)


def test_an_expired_token(url: str, token: Token) -> None:
    answer = ask(url, token("alice", lifetime=-60), "threads.list")
    assert answer.status_code


def test_reading(url: str, token: Token) -> None:
    thread = new_thread(url, token("alice"))
    try:
        assert ask(url, token("bob"), "items.list", thread_id=thread).status_code == 404
    except AssertionError:
        pass
