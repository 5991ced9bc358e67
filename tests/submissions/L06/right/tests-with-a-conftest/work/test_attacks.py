import unittest.mock as mock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from people import Person, message

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_right_ones_get_in(owner, thread):
    assert thread in owner.threads()


@pytest.mark.parametrize(
    "wrong", [dict(lifetime=-3600), dict(aud="others"), dict(sub=None), dict(iss="https://x.example")]
)
def test_token_for_something_else(url, token, wrong):
    assert Person(url, token("alice", **wrong)).sends("threads.list").status_code == 401


def test_own_signature(url, token):
    mine = rsa.generate_private_key(65537, 2048)
    claims = jwt.decode(token("alice"), options={"verify_signature": False})
    forged = jwt.encode(claims, mine, "RS256", {"kid": "of-my-own"})
    assert Person(url, forged).sends("threads.list").status_code in (401,)


@pytest.mark.parametrize("header", ["x-demo-user", "x-user-id", "cookie"])
def test_names(owner, stranger, thread, header):
    seen = stranger.sends("threads.list", headers={header: "alice"}.items()).text
    assert thread not in seen


def test_nothing_is_read(stranger, thread):
    assert "4711" not in stranger.sends("items.list", thread_id=thread).text
    assert "4711" not in stranger.sends("threads.get_by_id", thread_id=thread).text


def test_nothing_is_written(owner, stranger, thread):
    before = owner.finds(thread)
    stranger.sends("threads.add_user_message", thread_id=thread, input=message("hi"))
    stranger.sends("threads.update", thread_id=thread, title="hi")
    stranger.sends("threads.delete", thread_id=thread)
    assert owner.finds(thread) == before


def test_nobody_learns_that_it_is_there(stranger, thread):
    assert stranger.sends("threads.get_by_id", thread_id=thread).status_code == 404
    assert stranger.sends("threads.get_by_id", thread_id=mock.sentinel.none.name).status_code == 404
