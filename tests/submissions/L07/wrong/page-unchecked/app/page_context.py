"""What the page says about itself, read from the request."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request

from shared.context import RequestContext


@dataclass(frozen=True, slots=True)
class ChatContext(RequestContext):
    """Who is speaking, as the token says, and what they look at, as their browser says."""

    page: dict[str, Any] | None = None


def on_page(speaker: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dependency: the context of `speaker`, another dependency, with the page added."""

    async def context(
        request: Request, speaking: Annotated[RequestContext, Depends(speaker)]
    ) -> ChatContext:
        return ChatContext(user_id=speaking.user_id, page=page_in(await request.body()))

    return context


def page_in(body: bytes) -> dict[str, Any] | None:
    """Return the page that a request tells of."""
    try:
        page = json.loads(body)["metadata"]["page"]
    except (ValueError, LookupError, TypeError):
        return None
    return page if isinstance(page, dict) else None
