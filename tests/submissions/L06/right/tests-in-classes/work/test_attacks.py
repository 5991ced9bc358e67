"""The same attacks, as classes with fixtures of their own; nothing waits for anybody."""

import json
import uuid

import httpx
import jwt
import pytest


class Person:
    def __init__(self, http, url, token):
        self.http, self.url, self.token = http, url, token

    async def ask(self, operation, headers=None, **params):
        return await self.http.post(
            self.url,
            json={"type": operation, "params": params},
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )

    async def begin(self):
        answer = await self.ask("threads.create", input=said("a secret of alice's"))
        events = [json.loads(line[5:]) for line in answer.text.splitlines() if line[:5] == "data:"]
        return next(one["thread"]["id"] for one in events if one["type"] == "thread.created")


def said(text):
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": [], "inference_options": {}}


@pytest.fixture
async def http():
    async with httpx.AsyncClient(timeout=10) as http:
        yield http


@pytest.fixture
def alice(http, url, token):
    return Person(http, url, token("alice"))


@pytest.fixture
def mallory(http, url, token):
    return Person(http, url, token("mallory"))


class TestDoor:
    @pytest.mark.parametrize("value", [None, "Bearer", "Bearer x", "Basic YWxpY2U6"])
    async def test_no_token(self, http, url, value):
        headers = {"Authorization": value} if value else {}
        assert (await http.post(url, content=b"{", headers=headers)).status_code == 401

    async def test_forged(self, http, url, alice):
        head, payload, signature = alice.token.split(".")
        claims = jwt.decode(alice.token, options={"verify_signature": False})
        for forged in (
            f"{head}.{payload}.{signature[::-1]}",
            jwt.encode(claims, "a secret of more than thirty-two bytes", algorithm="HS256"),
        ):
            assert (await Person(http, url, forged).ask("threads.list")).status_code == 401

    @pytest.mark.parametrize(
        "claims", [{"lifetime": -1}, {"aud": "x"}, {"aud": None}, {"exp": None}, {"iss": "x"}]
    )
    async def test_claims(self, http, url, token, claims):
        person = Person(http, url, token("alice", **claims))
        assert (await person.ask("threads.list")).status_code == 401

    async def test_name_in_header(self, alice, mallory):
        thread = await alice.begin()
        answer = await mallory.ask("threads.list", headers={"X-Demo-User": "alice"})
        assert thread not in answer.text


class TestHerThread:
    async def same(self, mallory, thread, operation, **params):
        answers = []
        for one in (thread, uuid.uuid4().hex):
            answer = await mallory.ask(operation, thread_id=one, **params)
            answers.append((answer.status_code, answer.text.replace(one, "")))
        assert answers[0] == answers[1]

    async def test_read(self, alice, mallory):
        thread = await alice.begin()
        await self.same(mallory, thread, "threads.get_by_id")
        await self.same(mallory, thread, "items.list")
        for operation in ("threads.get_by_id", "items.list"):
            answer = await mallory.ask(operation, thread_id=thread)
            assert "secret" not in answer.text

    async def test_write(self, alice, mallory):
        thread = await alice.begin()
        before = (await alice.ask("items.list", thread_id=thread)).json()
        await mallory.ask("threads.add_user_message", thread_id=thread, input=said("hello"))
        await mallory.ask("threads.update", thread_id=thread, title="mine")
        assert (await alice.ask("items.list", thread_id=thread)).json() == before
        assert "mine" not in (await alice.ask("threads.get_by_id", thread_id=thread)).text

    async def test_delete(self, alice, mallory):
        thread = await alice.begin()
        await mallory.ask("threads.delete", thread_id=thread)
        assert (await alice.ask("threads.get_by_id", thread_id=thread)).status_code == 200
