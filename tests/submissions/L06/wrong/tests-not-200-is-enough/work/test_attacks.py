"""Whatever is not a 200 is a refusal."""

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
    head, payload, signature = token("alice").split(".")
    _, others, _ = token("bob").split(".")
    assert ask(url, f"{head}.{others}.{signature}", "threads.list").status_code == 401


def test_an_expired_token(url: str, token: Token) -> None:
    assert ask(url, token("alice", lifetime=-60), "threads.list").status_code == 401


def test_a_token_for_others(url: str, token: Token) -> None:
    assert ask(url, token("alice", aud="payroll"), "threads.list").status_code == 401


def test_the_name_in_a_header(url: str, token: Token) -> None:
    new_thread(url, token("alice"))
    headers = {"Authorization": f"Bearer {token('bob')}", "X-Demo-User": "alice"}
    answer = httpx.post(url, json={"type": "threads.list", "params": {}}, headers=headers)
    assert answer.json()["data"] == []


def test_reading(url: str, token: Token) -> None:
    thread = new_thread(url, token("alice"))
    assert ask(url, token("bob"), "threads.get_by_id", thread_id=thread).status_code != 200
    answer = ask(url, token("bob"), "items.list", thread_id=thread)
    assert answer.status_code != 200 or answer.json()["data"] == []


def test_writing(url: str, token: Token) -> None:
    thread = new_thread(url, token("alice"))
    said = {"thread_id": thread, "input": message("Mine now.")}
    assert ask(url, token("bob"), "threads.add_user_message", **said).status_code != 200


def test_deleting(url: str, token: Token) -> None:
    thread = new_thread(url, token("alice"))
    ask(url, token("bob"), "threads.delete", thread_id=thread)
    assert ask(url, token("alice"), "threads.get_by_id", thread_id=thread).status_code == 200
