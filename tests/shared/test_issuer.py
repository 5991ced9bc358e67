"""The identity provider, checked as a stranger would check it: with PyJWT, over HTTP."""

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from fastapi import FastAPI

from shared import clock
from shared.issuer import Issuer, issuer_router

AUDIENCE = "task-manager"
PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer behind a real server; `issuer.url` says where."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        issuer = Issuer(f"http://127.0.0.1:{listening.getsockname()[1]}", AUDIENCE)
        app = FastAPI()
        app.include_router(issuer_router(issuer))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        # The socket listens already: a request that comes too early waits.
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        yield issuer
        server.should_exit = True
        thread.join()


def verify(issuer: Issuer, token: str, keys: jwt.PyJWKClient | None = None) -> dict[str, Any]:
    keys = keys or jwt.PyJWKClient(f"{issuer.url}/.well-known/jwks.json")
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        audience=AUDIENCE,
        issuer=issuer.url,
        options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"]},
    )


def sign_in(issuer: Issuer, body: object) -> httpx.Response:
    return httpx.post(f"{issuer.url}/token", json=body)


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_a_token_verifies_with_the_published_key(issuer: Issuer, user: str) -> None:
    answer = sign_in(issuer, {"user": user})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    claims = verify(issuer, body["access_token"])
    assert claims["sub"] == user
    assert claims["exp"] - claims["iat"] == 3600


def test_two_tokens_differ(issuer: Issuer) -> None:
    first, second = verify(issuer, issuer.token("alice")), verify(issuer, issuer.token("alice"))
    assert first["jti"] != second["jti"]


def test_the_configuration_leads_to_the_keys(issuer: Issuer) -> None:
    found = httpx.get(f"{issuer.url}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer.url
    assert httpx.get(found["jwks_uri"]).json() == issuer.jwks()
    assert httpx.post(found["token_endpoint"], json={"user": "bob"}).status_code == 200


@pytest.mark.parametrize("user", ["mallory", "", "Alice"])
def test_somebody_unknown_gets_400_and_is_told_who_is_known(issuer: Issuer, user: str) -> None:
    answer = sign_in(issuer, {"user": user})
    assert answer.status_code == 400
    assert "alice, bob" in answer.json()["detail"]
    assert "access_token" not in answer.text
    with pytest.raises(ValueError, match="alice, bob"):
        issuer.token(user)


@pytest.mark.parametrize("body", [None, [], {}, {"user": 1}, "alice"])
def test_a_body_that_names_nobody_gets_422(issuer: Issuer, body: object) -> None:
    assert sign_in(issuer, body).status_code == 422


def test_rotation(issuer: Issuer) -> None:
    # PyJWT asks for the keys again at most every 30 seconds, unless it is told otherwise.
    keys = jwt.PyJWKClient(f"{issuer.url}/.well-known/jwks.json", cooldown_duration=0)
    oldest = issuer.token("alice")
    verify(issuer, oldest, keys)
    issuer.rotate()
    newer = issuer.token("alice")
    # The client that knew the old key alone finds the new one by itself; the old one stays good.
    assert verify(issuer, newer, keys)["sub"] == verify(issuer, oldest, keys)["sub"] == "alice"
    assert len({jwt.get_unverified_header(token)["kid"] for token in (oldest, newer)}) == 2
    issuer.rotate()
    verify(issuer, newer)
    with pytest.raises(jwt.PyJWKClientError):
        verify(issuer, oldest)


def test_private_parts_are_never_published(issuer: Issuer) -> None:
    issuer.rotate()
    published = httpx.get(f"{issuer.url}/.well-known/jwks.json").json()["keys"]
    assert len(published) == 2
    for key in published:
        assert not PRIVATE_PARTS & set(key)
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def test_a_token_of_another_issuer_does_not_verify(issuer: Issuer) -> None:
    forged = Issuer(issuer.url, AUDIENCE).token("alice")
    with pytest.raises(jwt.PyJWKClientError):
        verify(issuer, forged)


def test_a_token_ends_when_the_clock_says_so(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = tmp_path / "clock"
    monkeypatch.setenv(clock.VARIABLE, str(hand))
    hand.write_text("-3601")  # the issuer's clock is an hour back, the verifier's is not
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(issuer, issuer.token("alice"))
    assert verify(issuer, issuer.token("alice", lifetime=timedelta(hours=2)))["sub"] == "alice"
    hand.write_text("86400")
    before = clock.now().timestamp()
    claims = jwt.decode(issuer.token("alice"), options={"verify_signature": False})
    assert int(before) <= claims["iat"] <= clock.now().timestamp()
    assert claims["exp"] == claims["iat"] + 3600


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"aud": "elsewhere"}, jwt.InvalidAudienceError),
        ({"iss": "https://evil.example"}, jwt.InvalidIssuerError),
        ({"exp": None}, jwt.MissingRequiredClaimError),
        ({"sub": None}, jwt.MissingRequiredClaimError),
    ],
)
def test_a_test_can_ask_for_a_wrong_token(
    issuer: Issuer, overrides: dict[str, Any], error: type[jwt.PyJWTError]
) -> None:
    with pytest.raises(error):
        verify(issuer, issuer.token("alice", **overrides))


def test_no_key_is_made_before_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a key was made")

    monkeypatch.setattr("shared.issuer.ec.generate_private_key", refuse)
    issuer_router(Issuer("http://127.0.0.1:1", AUDIENCE))
