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
from app.page_context import ChatContext
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
        self.store = store
        self._summariser = Agent(
            name="Summariser",
            instructions="Summarise in at most 100 words. Keep names, numbers and decisions.",
            model=get_model(),
        )

    async def agent_input(
        self, thread: ThreadMetadata, context: RequestContext
    ) -> list[TResponseInputItem]:
        """Return what the agent is told, the newest message last.

        What falls out of the window is first added to the summary in `thread.metadata`.
        """
        recent = await self._recent(thread, context)
        window = await _newest(recent, get_settings().context_window // 2)
        known = [number for number, item in enumerate(recent) if item.id == _up_to(thread)]
        fresh = recent[known[0] + 1 :] if known else recent
        if len(fresh) > len(window):
            await self._extend_summary(thread, fresh[:-1])
        return [*_notes(thread, context), *chain.from_iterable(window)]

    async def _recent(self, thread: ThreadMetadata, context: RequestContext) -> list[ThreadItem]:
        """Return the items that the summary does not hold, and at least a window; oldest first."""
        recent: list[ThreadItem] = []
        summarised = False
        async for item in self._newest_first(thread, context):
            summarised = summarised or item.id == _up_to(thread)
            if isinstance(item, UserMessageItem | AssistantMessageItem | ClientToolCallItem):
                recent.insert(0, item)
            elif isinstance(item, SDKHiddenContextItem) and len(recent) == 1:
                recent.insert(0, item)  # the answer before the new message was stopped
            if summarised and len(recent) > WINDOW:
                break
        return recent

    async def _newest_first(
        self, thread: ThreadMetadata, context: RequestContext
    ) -> AsyncIterator[ThreadItem]:
        after = None
        while True:
            page = await self.store.load_thread_items(thread.id, after, PAGE, "desc", context)
            for item in page.data:
                yield item
            if not page.has_more:
                return
            after = page.after

    async def _extend_summary(self, thread: ThreadMetadata, items: Sequence[ThreadItem]) -> None:
        """Add the items to the summary, a few at a time, for the summariser has a window too."""
        text = thread.metadata.get("summary", {}).get("text", "")
        try:
            for start in range(0, len(items), WINDOW):
                lines = [f"Summary so far: {text}", *map(_line, items[start : start + WINDOW])]
                request = "\n".join(["Summarise this conversation:", *lines])
                text = shorten((await Runner.run(self._summariser, request)).final_output, LONGEST)
        except (AgentsException, OpenAIError):
            logger.exception("The summary could not be extended; the next turn tries again.")
        else:
            thread.metadata["summary"] = {"text": text, "up_to": items[-1].id}


async def _newest(items: Sequence[ThreadItem], budget: int) -> list[list[TResponseInputItem]]:
    """Return the newest items as input for the agent: of messages a window, within the budget."""
    window: list[list[TResponseInputItem]] = []
    room = WINDOW
    for item in reversed(items):
        part = await simple_to_agent_input(_shortened(item, LONGEST if window else budget - 50))
        budget -= count_tokens(part)
        room -= isinstance(item, UserMessageItem | AssistantMessageItem)
        if budget < 0 or room < 0:
            break
        window.insert(0, part)
    return window


def _up_to(thread: ThreadMetadata) -> str | None:
    """The id of the last item that the summary holds."""
    return thread.metadata.get("summary", {}).get("up_to")


def _notes(thread: ThreadMetadata, context: RequestContext) -> list[TResponseInputItem]:
    """What is known besides the messages. It is the user's words, or their browser's, so it goes out
    in their name and never among the instructions."""
    known = facts_about(thread)
    if summary := thread.metadata.get("summary"):
        known.append(f"The conversation so far, in short: {summary['text']}")
    if isinstance(context, ChatContext) and context.page:
        # On one line, so that no title can begin one that looks like ours.
        page = " ".join(shorten(context.page.model_dump_json(), LONGEST).split())
        known.append(f"Their browser says, unverified, that they look at this page: {page}")
    if not known:
        return []
    text = "\n".join(["Hidden context for the agent (not shown to the user):", *known])
    return [{"role": "user", "content": text}]


def _shortened(item: ThreadItem, tokens: int) -> ThreadItem:
    """Return the item with no text of more than so many tokens."""
    if not isinstance(item, UserMessageItem | AssistantMessageItem):
        return item
    content = [
        part.model_copy(update={"text": shorten(part.text, tokens)}) for part in item.content
    ]
    return item.model_copy(update={"content": content})


def _line(item: ThreadItem) -> str:
    """The item as a line of a transcript."""
    if not isinstance(item, UserMessageItem | AssistantMessageItem):
        return ""
    who = "User" if isinstance(item, UserMessageItem) else "Assistant"
    text = " ".join(part.text for part in item.content)
    return f"{who}: {' '.join(shorten(text, LONGEST // 4).split())}"


def shorten(text: str, tokens: int) -> str:
    """Return the text, or of a longer one the beginning and the end."""
    have = count_tokens(text)
    if have <= tokens:
        return text
    raw = text.encode()
    half = len(raw) * tokens // have // 2
    head, tail = (part.decode(errors="ignore") for part in (raw[:half], raw[-half:]))
    return f"{head}\n[… {have - tokens} tokens are left out here …]\n{tail}"
