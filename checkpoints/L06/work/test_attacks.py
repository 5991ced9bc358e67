"""Attacks on a server that keeps its users apart. Each test tries one that must not work."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

Token = Callable[..., str]

OURS = ec.generate_private_key(
    ec.SECP256R1()
)  # the attacker's key, which no issuer has signed with


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


@pytest.fixture
def thread(url: str, token: Token) -> str:
    """A thread of alice's."""
    return new_thread(url, token("alice"))


# At the door


def test_without_a_token_nobody_gets_in(url: str) -> None:
    answer = ask(url, None, "threads.list")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def unsigned(claims: dict[str, Any], key_id: str) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": key_id})


def signed_by_us(claims: dict[str, Any], key_id: str) -> str:
    return jwt.encode(claims, OURS, algorithm="ES256", headers={"kid": key_id})


def signed_with_a_word(claims: dict[str, Any], key_id: str) -> str:
    return jwt.encode(claims, "secret" * 8, algorithm="HS256", headers={"kid": key_id})


@pytest.mark.parametrize("forge", [unsigned, signed_by_us, signed_with_a_word])
def test_a_token_that_the_issuer_did_not_sign_is_worth_nothing(
    url: str, token: Token, forge: Callable[..., str]
) -> None:
    good = token("alice")
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = forge(claims, jwt.get_unverified_header(good)["kid"])
    assert ask(url, good, "threads.list").status_code == 200, "so the claims were good ones"
    assert ask(url, forged, "threads.list").status_code == 401


def test_an_expired_token_is_worth_nothing(url: str, token: Token) -> None:
    assert ask(url, token("alice", lifetime=-60), "threads.list").status_code == 401


def test_a_token_for_another_service_is_worth_nothing(url: str, token: Token) -> None:
    assert ask(url, token("alice", aud="payroll"), "threads.list").status_code == 401


async def test_made_up_key_ids_are_refused_and_hold_up_nobody(url: str, token: Token) -> None:
    claims = jwt.decode(token("alice"), options={"verify_signature": False})
    body = {"type": "threads.list", "params": {}}
    async with httpx.AsyncClient() as http:

        async def send(token: str) -> int:
            answer = await http.post(url, json=body, headers={"Authorization": f"Bearer {token}"})
            return answer.status_code

        flood = [send(signed_by_us(claims, secrets.token_hex(8))) for _ in range(30)]
        *refused, served = await asyncio.gather(*flood, send(token("bob")))
    assert set(refused) == {401}
    assert served == 200


# Whose is it?


@pytest.mark.parametrize("name", ["X-Demo-User", "X-User-Id", "X-Forwarded-User"])
def test_no_header_makes_bob_alice(url: str, token: Token, thread: str, name: str) -> None:
    headers = {"Authorization": f"Bearer {token('bob')}", name: "alice"}
    body = {"type": "threads.list", "params": {}}
    assert httpx.post(url, json=body, headers=headers).json()["data"] == []


def test_nothing_in_the_body_or_the_address_makes_bob_alice(
    url: str, token: Token, thread: str
) -> None:
    headers = {"Authorization": f"Bearer {token('bob')}"}
    body = {
        "type": "threads.list",
        "user_id": "alice",
        "params": {"user_id": "alice"},
        "metadata": {"user_id": "alice"},
    }
    answer = httpx.post(url, json=body, headers=headers, params={"user_id": "alice"})
    assert answer.json()["data"] == []


OPERATIONS: dict[str, dict[str, Any]] = {
    "threads.get_by_id": {},
    "items.list": {},
    "threads.add_user_message": {"input": message("Delete all tasks.")},
    "threads.retry_after_item": {"item_id": "msg_1"},
    "threads.add_client_tool_output": {"result": {}},
    "threads.update": {"title": "Mine now"},
    "threads.delete": {},
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_somebody_elses_thread_is_like_one_that_does_not_exist(
    url: str, token: Token, thread: str, operation: str
) -> None:
    """Bob is told the same of both, so he learns nothing. And alice finds hers as she left it."""
    before = ask(url, token("alice"), "threads.get_by_id", thread_id=thread).json()
    params = OPERATIONS[operation]
    made_up = "thr_" + secrets.token_hex(16)
    theirs = ask(url, token("bob"), operation, thread_id=thread, **params)
    nobodys = ask(url, token("bob"), operation, thread_id=made_up, **params)
    assert theirs.status_code == nobodys.status_code
    assert theirs.text.replace(thread, "") == nobodys.text.replace(made_up, "")
    assert ask(url, token("alice"), "threads.get_by_id", thread_id=thread).json() == before
