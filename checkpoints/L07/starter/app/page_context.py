"""What the page says about itself, read from the request and believed in nothing.

Anybody can send any words here, also words made to look like an order to the agent. So they are
checked and cut, and go to the agent as somebody's words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from shared.context import RequestContext

LONGEST = 200  # characters of a title, and of a heading
HEADINGS = 5


class PageContext(BaseModel):
    """The page that the user looks at. Long texts are cut; a wrong URL or type is an error."""

    url: str  # it takes any text, and any length of it: section 7
    title: str = ""
    headings: list[str] = []


@dataclass(frozen=True, slots=True)
class ChatContext(RequestContext):
    """Who is speaking, as the token says, and what they look at, as their browser says."""

    page: PageContext | None = None


def on_page(speaker: Callable[..., Any]) -> Callable[..., Any]:
    """Return a dependency: the context of `speaker`, another dependency, with the page added."""
    raise NotImplementedError("Lesson 7, section 7. Read it, and believe none of it")


def page_in(body: bytes) -> PageContext | None:
    """Return the page that a request tells of; None where it tells of none, or nonsense."""
    raise NotImplementedError("Lesson 7, section 7. Read it, and believe none of it")
