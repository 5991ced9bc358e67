"""What the page says about itself, cut and checked by hand."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from shared.context import RequestContext


@dataclass(frozen=True, slots=True)
class Page:
    """The page that the user looks at."""

    url: str
    title: str
    headings: tuple[str, ...]

    def __str__(self) -> str:
        return json.dumps({"at": self.url, "title": self.title, "headings": self.headings})


@dataclass(frozen=True, slots=True)
class ChatContext(RequestContext):
    """Who is speaking, and what they look at."""

    page: Page | None = None


def on_page(speaker: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dependency: the context of `speaker` with the page added."""

    async def context(
        request: Request, speaking: Annotated[RequestContext, Depends(speaker)]
    ) -> ChatContext:
        return ChatContext(speaking.user_id, page_in(await request.body()))

    return context


def page_in(body: bytes) -> Page | None:
    """Return the page; None where there is none, or nonsense."""
    try:
        given = json.loads(body)["metadata"]["page"]
        url, title, headings = given["url"], given.get("title"), given.get("headings")
        parts = urlsplit(url)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return None
    found = headings if isinstance(headings, list) else []
    return Page(
        url=_cut(f"{parts.scheme}://{parts.netloc}{parts.path}"),
        title=_cut(title),
        headings=tuple(_cut(heading) for heading in found[:5] if isinstance(heading, str)),
    )


def _cut(text: object) -> str:
    return text[:120] if isinstance(text, str) else ""
