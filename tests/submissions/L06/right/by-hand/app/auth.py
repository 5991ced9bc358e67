"""Who is speaking. A signed token says it, and nothing else does."""

import asyncio
import base64
import json
import logging
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from fastapi import Header, HTTPException

from shared import clock
from shared.context import RequestContext
from shared.settings import get_settings

EVERY = 20.0  # seconds between two looks at the issuer's keys

settings = get_settings()
known: dict[str, ec.EllipticCurvePublicKey] = {}


async def look_after_keys() -> None:
    """Fetch the keys now and again and again. What fails leaves them as they are."""
    async with httpx.AsyncClient(timeout=3) as client:
        while True:
            try:
                answer = (await client.get(settings.jwks_url)).raise_for_status().json()
                found = {key["kid"]: _public(key) for key in answer["keys"] if key["kty"] == "EC"}
            except (httpx.HTTPError, ValueError, KeyError):
                logging.warning("The keys could not be fetched.")
            else:
                known.clear()
                known.update(found)
            await clock.sleep(EVERY)


def _public(key: dict[str, str]) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(_decode(key[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _decode(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)


def signed_in(authorization: str = Header("")) -> RequestContext:
    """Return whom the token names."""
    try:
        scheme, token = authorization.split()
        if scheme.lower() != "bearer":
            raise ValueError(scheme)
        return RequestContext(_checked(token)["sub"])
    except (ValueError, KeyError, TypeError, InvalidSignature, RecursionError):
        raise HTTPException(401, "Sign in.", headers={"WWW-Authenticate": "Bearer"}) from None


def _checked(token: str) -> dict[str, Any]:
    """Return the claims of a good token."""
    head, payload, signature = token.split(".")
    header, raw = json.loads(_decode(head)), _decode(signature)
    if header["alg"] != "ES256" or len(raw) != 64:
        raise ValueError("another algorithm")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    signed = f"{head}.{payload}".encode()
    known[header["kid"]].verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    claims: dict[str, Any] = json.loads(_decode(payload))
    now = clock.now().timestamp()
    good = (
        claims["iss"] == settings.issuer
        and settings.audience in (claims["aud"], *claims["aud"])
        and claims.get("nbf", 0) <= now < claims["exp"]
        and isinstance(claims["sub"], str)
        and 0 < len(claims["sub"]) <= 255
    )
    if not good:
        raise ValueError("not for us, or not now")
    return claims
