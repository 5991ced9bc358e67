"""What no server may believe: tokens, each made from what anybody can get at, and names in headers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm

from checkpoints.engine.identity import AUDIENCE, Identity
from shared import clock

USER_HEADERS = (
    "X-Demo-User",
    "X-User-ID",
    "X-User",
    "X-Forwarded-User",
    "X-Auth-Request-User",
    "X-Authenticated-User",
    "Remote-User",
)
"""Headers in which proxies and careless servers write a user's name."""


class Signer(Protocol):
    """An issuer, and beside it an address for keys that are not the issuer's."""

    def token(self, user: str) -> str:
        """A good token of one of its users."""

    def jwks(self) -> dict[str, Any]:
        """The issuer's public keys."""

    def publish(self, keys: dict[str, Any]) -> str:
        """Serve this key set of an attacker's, in place of the last one. Returns its URL."""


class Forgery(NamedTuple):
    """A token, and in words what was done to it: “a token that …”."""

    token: str
    what: str
    misconception: str


def signatures(signer: Signer, user: str, stranger: str = "bob") -> Iterator[Forgery]:
    """Tokens with good claims for `user` that the issuer never signed.

    `stranger` is another user, one of whose signatures is used.
    """
    good = signer.token(user)
    header, payload, signature = good.split(".")
    key_id = jwt.get_unverified_header(good)["kid"]
    claims = jwt.decode(good, options={"verify_signature": False})
    others = signer.token(stranger).split(".")
    own = ec.generate_private_key(ec.SECP256R1())
    own_jwk = ECAlgorithm.to_jwk(own.public_key(), as_dict=True)

    def signed_by_own_key(**more: Any) -> str:
        return jwt.encode(claims, own, algorithm="ES256", headers={"kid": key_id} | more)

    yield Forgery(
        f"{others[0]}.{payload}.{others[2]}",
        "has the claims of one person and the signature of another",
        "signature-unchecked",
    )
    yield Forgery(
        signed_by_own_key(),
        "is signed with a key of the attacker's own, under the key id of the issuer's",
        "signature-unchecked",
    )
    yield Forgery(
        signed_by_own_key(jwk=own_jwk),
        "brings the key to check it with in its own header (`jwk`)",
        "believes-its-key",
    )
    published = own_jwk | {"kid": "elsewhere", "alg": "ES256", "use": "sig"}
    yield Forgery(
        signed_by_own_key(kid="elsewhere", jku=signer.publish({"keys": [published]})),
        "says in its own header where to fetch the key to check it with (`jku`)",
        "believes-its-key",
    )
    for name in ("none", "None"):
        unsigned = _part({"alg": name, "typ": "JWT", "kid": key_id})
        yield Forgery(
            f"{unsigned}.{payload}.", f"says that it is not signed (`alg: {name}`)", "alg-none"
        )
        yield Forgery(
            f"{unsigned}.{payload}.{signature}",
            f"says that it is not signed (`alg: {name}`), and has a signature all the same",
            "alg-none",
        )
    for name, secret in _public_bytes(signer, key_id):
        head = _part({"alg": "HS256", "typ": "JWT", "kid": key_id})
        mac = hmac.new(secret, f"{head}.{payload}".encode(), hashlib.sha256).digest()
        yield Forgery(
            f"{head}.{payload}.{_encode(mac)}",
            f"is signed with HS256 and the issuer's public key ({name}), which everybody has",
            "hs256-public-key",
        )
    yield Forgery(f"{header}.{payload}.", "has lost its signature", "signature-unchecked")


def claims(identity: Identity, user: str) -> Iterator[Forgery]:
    """Tokens that the issuer did sign, and that are not for this server now."""
    ago = timedelta(minutes=3)  # clocks may differ by one
    yield Forgery(identity.token(user, lifetime=-ago), "expired three minutes ago", "exp-unchecked")
    yield Forgery(identity.token(user, exp=None), "never expires: it has no `exp`", "exp-unchecked")
    yield Forgery(
        identity.token(user, aud="another-service"),
        "is meant for another service (`aud`)",
        "aud-unchecked",
    )
    yield Forgery(
        identity.token(user, aud=f"the-other-{AUDIENCE}-2"),
        "is meant for a service whose name has yours in it (`aud`)",
        "aud-unchecked",
    )
    yield Forgery(
        identity.token(user, aud=None), "is meant for nobody: it has no `aud`", "aud-unchecked"
    )
    yield Forgery(
        identity.token(user, iss="https://elsewhere.example"),
        "names another issuer (`iss`)",
        "iss-unchecked",
    )
    yield Forgery(
        identity.token(user, iss=f"{identity.address}.evil.example"),
        "names an issuer whose address begins like the right one's (`iss`)",
        "iss-unchecked",
    )
    yield Forgery(identity.token(user, iss=None), "names no issuer (`iss`)", "iss-unchecked")
    yield Forgery(identity.token(user, sub=None), "names nobody: it has no `sub`", "sub-unchecked")
    yield Forgery(identity.token(user, sub=""), "has an empty `sub`", "sub-unchecked")
    yield Forgery(
        identity.token(user, sub="x" * 256), "has a `sub` of 256 characters", "sub-unchecked"
    )
    yield Forgery(identity.token(user, sub=7), "has a number for a `sub`", "sub-unchecked")
    yield Forgery(
        identity.token(user, nbf=clock.now() + timedelta(days=365)),
        "is not good before next year (`nbf`)",
        "nbf-unchecked",
    )


def garbage(good: str) -> Iterator[tuple[str, str]]:
    """Values of the Authorization header that are no token, and what each is in words."""
    head, payload, signature = good.split(".")
    yield "Bearer", "`Bearer` and nothing behind it"
    yield "Bearer garbage", "a word in place of a token"
    yield "Bearer a.b.c", "`a.b.c`"
    yield "Bearer ..", "two dots"
    yield f"Bearer {head}.{payload}", "a token without its third part"
    yield f"Bearer {_encode(b'null')}.{payload}.{signature}", "a token whose header is `null`"
    yield f"Bearer {_encode(b'[]')}.{payload}.{signature}", "a token whose header is a list"
    no_key = _part({"alg": "ES256", "typ": "JWT"})
    yield f"Bearer {no_key}.{payload}.{signature}", "a token that names no key (`kid`)"
    number = _part({"alg": "ES256", "typ": "JWT", "kid": 7})
    yield f"Bearer {number}.{payload}.{signature}", "a token whose key id is a number"
    listed = _part({"alg": "ES256", "typ": "JWT", "kid": ["a"]})
    yield f"Bearer {listed}.{payload}.{signature}", "a token whose key id is a list"
    unknown = _part({"alg": "XX999", "typ": "JWT", "kid": "none"})
    yield f"Bearer {unknown}.{payload}.{signature}", "a token with an algorithm that does not exist"
    yield f"Bearer {'A' * 4000}.{'B' * 4000}.{'C' * 400}", "8,000 letters"
    yield f"Basic {_encode(b'alice:alice')}", "a name and a password (`Basic`)"
    yield good, "a good token without the word `Bearer`"


def unknown_key(signer: Signer, user: str, key_id: str) -> str:
    """A token that names a key which the issuer has not."""
    good = signer.token(user)
    claims = jwt.decode(good, options={"verify_signature": False})
    own = ec.generate_private_key(ec.SECP256R1())
    return jwt.encode(claims, own, algorithm="ES256", headers={"kid": key_id})


def _public_bytes(signer: Signer, key_id: str) -> Iterator[tuple[str, bytes]]:
    """The public key in the shapes that an attacker could sign with."""
    [jwk] = [key for key in signer.jwks()["keys"] if key["kid"] == key_id]
    key = ECAlgorithm.from_jwk(jwk)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    yield "as PEM", key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    yield "as JSON", json.dumps(jwk).encode()


def _part(value: dict[str, Any]) -> str:
    return _encode(json.dumps(value).encode())


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
