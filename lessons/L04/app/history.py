"""What the agent is told of a conversation: facts, a summary, and the newest messages.

All of it is read from the Store, anew for each turn. A context window is small, so the newest
messages are sent as they are, and what falls out lives on in a summary in the thread's metadata.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from itertools import chain

from agents import Agent, AgentsException, Runner, TResponseInputItem
from chatkit.agents import simple_to_agent_input
from chatkit.store import Store
from chatkit.types import (
    AssistantMessageItem,
    ClientToolCallItem,
    SDKHiddenContextItem,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
)
from openai import OpenAIError

from app.facts import facts_about
from shared.context import RequestContext
from shared.models import count_tokens, get_model
from shared.settings import get_settings

WINDOW = 10  # messages, the new one among them
LONGEST = 400  # tokens of an older message, of the facts, and of the summary
PAGE = 50  # items that are loaded at a time

logger = logging.getLogger(__name__)


class History:
    """Chooses what the agent is told of a thread."""

    def __init__(self, store: Store[RequestContext]) -> None:
        """Read threads from `store`."""
        raise NotImplementedError(
            "__init__() is not written yet: lesson 4, “3. The newest ten”."
        )

    async def agent_input(
        self, thread: ThreadMetadata, context: RequestContext
    ) -> list[TResponseInputItem]:
        """Return what the agent is told, the newest message last.

        What falls out of the window is first added to the summary in `thread.metadata`.
        """
        raise NotImplementedError(
            "agent_input() is not written yet: lesson 4, “4. A budget of tokens”."
        )

    async def _recent(self, thread: ThreadMetadata, context: RequestContext) -> list[ThreadItem]:
        """Return the items that the summary does not hold, and at least a window; oldest first."""
        raise NotImplementedError(
            "_recent() is not written yet: lesson 4, “3. The newest ten”."
        )

    async def _newest_first(
        self, thread: ThreadMetadata, context: RequestContext
    ) -> AsyncIterator[ThreadItem]:
        raise NotImplementedError(
            "_newest_first() is not written yet: lesson 4, “3. The newest ten”."
        )
        yield  # makes this function an async generator; keep a yield in yours

    async def _extend_summary(self, thread: ThreadMetadata, items: Sequence[ThreadItem]) -> None:
        """Add the items to the summary, a few at a time, for the summariser has a window too."""
        raise NotImplementedError(
            "_extend_summary() is not written yet: lesson 4, “5. A summary of what falls out”."
        )


async def _newest(items: Sequence[ThreadItem], budget: int) -> list[list[TResponseInputItem]]:
    """Return the newest items as input for the agent: of messages a window, within the budget."""
    raise NotImplementedError(
        "_newest() is not written yet: lesson 4, “4. A budget of tokens”."
    )


def _up_to(thread: ThreadMetadata) -> str | None:
    """The id of the last item that the summary holds."""
    raise NotImplementedError(
        "_up_to() is not written yet: lesson 4, “3. The newest ten”."
    )


def _notes(thread: ThreadMetadata) -> list[TResponseInputItem]:
    """What is known besides the messages. It is the user's words, so it goes out in their name and
    never among the instructions."""
    raise NotImplementedError(
        "_notes() is not written yet: lesson 4, “7. Put it together”."
    )


def _shortened(item: ThreadItem, tokens: int) -> ThreadItem:
    """Return the item with no text of more than so many tokens."""
    raise NotImplementedError(
        "_shortened() is not written yet: lesson 4, “4. A budget of tokens”."
    )


def _line(item: ThreadItem) -> str:
    """The item as a line of a transcript."""
    raise NotImplementedError(
        "_line() is not written yet: lesson 4, “5. A summary of what falls out”."
    )


def shorten(text: str, tokens: int) -> str:
    """Return the text, or of a longer one the beginning and the end."""
    raise NotImplementedError(
        "shorten() is not written yet: lesson 4, “4. A budget of tokens”."
    )
