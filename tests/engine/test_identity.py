"""The identity provider that checks play: what it signs, what it counts, and how it fails."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import jwt
import pytest

from checkpoints.engine import forgery
from checkpoints.engine.identity import AUDIENCE, Identity

JWKS = "/.well-known/jwks.json"


async def believed(identity: Identity, http: httpx.AsyncClient, token: str) -> str:
    """Whom a careful server takes the sender for. Raises what PyJWT and a missing key raise."""
    keys = jwt.PyJWKSet.from_dict((await http.get(JWKS)).json()).keys
    key = {one.key_id: one for one in keys}[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        audience=AUDIENCE,
        issuer=identity.address,
        options={"require": ["exp", "iss", "aud", "sub"]},
    )
    return str(claims["sub"])


async def test_its_tokens_are_good_for_whomever_they_name_also_after_a_rotation() -> None:
    async with Identity() as identity, httpx.AsyncClient(base_url=identity.address) as http:
        first = identity.token("somebody")
        identity.rotate()
        assert await believed(identity, http, first) == "somebody"
        assert await believed(identity, http, identity.token("alice")) == "alice"
        assert identity.fetches == 2


async def test_no_careful_server_believes_a_forgery() -> None:
    async with Identity() as identity, httpx.AsyncClient(base_url=identity.address) as http:
        forgeries = [
            *forgery.signatures(identity, "alice"),
            *forgery.claims(identity, "alice"),
        ]
        assert len(forgeries) > 15
        for one in forgeries:
            try:
                user = await believed(identity, http, one.token)
            except (jwt.PyJWTError, KeyError):
                continue
            # PyJWT has no opinion on these two; the lesson asks for 1 to 255 characters.
            assert one.misconception == "sub-unchecked", one.what
            assert not 1 <= len(user) <= 255, one.what


async def test_a_careless_server_finds_the_attackers_key_where_the_token_says() -> None:
    async with Identity() as identity, httpx.AsyncClient() as http:
        found = []
        for one in forgery.signatures(identity, "alice"):
            header = jwt.get_unverified_header(one.token)
            if "jku" in header:
                keys = jwt.PyJWKSet.from_dict((await http.get(header["jku"])).json())
                key = keys[header["kid"]]
                claims = jwt.decode(one.token, key, algorithms=["ES256"], audience=AUDIENCE)
                found.append(claims["sub"])
        assert found == ["alice"]


async def test_it_can_be_down_and_it_can_stand_still() -> None:
    async with Identity() as identity, httpx.AsyncClient(base_url=identity.address) as http:
        identity.down = True
        assert (await http.get(JWKS)).status_code == 503
        identity.down = False
        identity.stalled = True
        waiting = asyncio.create_task(http.get(JWKS))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.05)
        identity.stalled = False
        assert (await waiting).status_code == 200


async def test_a_page_signs_somebody_in_and_may_get_a_token_that_is_over() -> None:
    async with Identity() as identity, httpx.AsyncClient(base_url=identity.address) as http:
        for address in ("localhost:1234", "[::1]:1234", "127.0.0.1:1234"):
            origin = {"Origin": f"http://{address}"}
            answer = await http.post("/token", json={"user": "bob", "lifetime": 60}, headers=origin)
            assert answer.headers["Access-Control-Allow-Origin"] == origin["Origin"]
        token = answer.json()["access_token"]
        assert identity.given[-1] == token
        assert await believed(identity, http, token) == "bob"
        identity.lifetime = timedelta(seconds=-60)
        late = (await http.post("/token", json={"user": "bob"}, headers=origin)).json()
        with pytest.raises(jwt.ExpiredSignatureError):
            await believed(identity, http, late["access_token"])
        foreign = await http.post("/token", json={"user": "bob"}, headers={"Origin": "http://evil"})
        assert "Access-Control-Allow-Origin" not in foreign.headers
