"""What the page says about itself, read from the request and believed in nothing.

Anybody can send any words here, also words made to look like an order to the agent. So they are
checked and cut, and go to the agent as somebody's words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from starlette.requests import ClientDisconnect

from shared.context import RequestContext

LONGEST = 200  # characters of a title, and of a heading
HEADINGS = 5

Line = Annotated[str, AfterValidator(lambda text: " ".join(text.split())[:LONGEST])]


class PageContext(BaseModel):
    """The page that the user looks at. Long texts are cut; a wrong URL or type is an error."""

    url: Annotated[str, Field(max_length=500, pattern=r"^https?://\S+$")]
    title: Line = ""
    headings: Annotated[list[Line], AfterValidator(lambda lines: lines[:HEADINGS])] = []


class _Metadata(BaseModel):
    page: PageContext


class _Body(BaseModel):
    """As much of a ChatKit request as matters here. The SDK lets `metadata` pass, and ignores it."""

    metadata: _Metadata


@dataclass(frozen=True, slots=True)
class ChatContext(RequestContext):
    """Who is speaking, as the token says, and what they look at, as their browser says."""

    page: PageContext | None = None


def on_page(speaker: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dependency: the context of `speaker`, another dependency, with the page added."""

    last: PageContext | None = None

    async def context(
        request: Request, speaking: Annotated[RequestContext, Depends(speaker)]
    ) -> ChatContext:
        try:
            body = await request.body()  # kept: the endpoint reads the same bytes
        except ClientDisconnect:
            raise HTTPException(400, "The body ended before it was complete.") from None
        nonlocal last
        last = page_in(body) or last
        return ChatContext(user_id=speaking.user_id, page=last)

    return context


def page_in(body: bytes) -> PageContext | None:
    """Return the page that a request tells of; None where it tells of none, or nonsense."""
    try:
        return _Body.model_validate_json(body).metadata.page
    except ValidationError:
        return None
