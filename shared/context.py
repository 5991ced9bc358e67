"""Who is speaking: the request context that ChatKit hands to every method of server and Store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, HTTPException

DEFAULT_USER = "you"
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request's facts, made by the endpoint, read by your server, its tools and the Store."""

    user_id: str


def demo_context(x_demo_user: Annotated[str | None, Header()] = None) -> RequestContext:
    """Believe the header `X-Demo-User`. For teaching only: anyone can send any header.

    Lesson 6 replaces this dependency by one that believes a signed token and nothing else.
    """
    user = (x_demo_user or DEFAULT_USER).strip()
    if not user.isprintable() or len(user) > _LONGEST:
        raise HTTPException(400, f"X-Demo-User must be 1 to {_LONGEST} printable characters.")
    return RequestContext(user_id=user or DEFAULT_USER)
