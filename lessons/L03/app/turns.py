"""One task for each turn, and one turn at a time in each thread.

The task belongs to the turn and not to the connection that reads it. So a turn can be stopped from
anywhere, and what it does when it is stopped is not stopped with it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator


class Turn:
    """One answer on its way: a task that puts each frame of the stream into a queue."""

    def __init__(self, events: AsyncIterator[bytes]) -> None:
        """Start the turn."""
        raise NotImplementedError(
            "__init__() is not written yet: lesson 3, “5. One task for each turn”."
        )

    async def _run(self, events: AsyncIterator[bytes]) -> None:
        """Drive the events. Nothing waits here, so a stop always lands inside of them."""
        raise NotImplementedError(
            "_run() is not written yet: lesson 3, “5. One task for each turn”."
        )

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the frames as they come. Whoever stops reading stops the turn."""
        raise NotImplementedError(
            "frames() is not written yet: lesson 3, “6. Stop when nobody reads”."
        )
        yield  # makes this function an async generator; keep a yield in yours

    async def stop(self) -> None:
        """End the turn, and return when what it had said is stored."""
        raise NotImplementedError(
            "stop() is not written yet: lesson 3, “6. Stop when nobody reads”."
        )


class Turns:
    """The turns that run, by thread."""

    def __init__(self) -> None:
        """Begin with none."""
        raise NotImplementedError(
            "__init__() is not written yet: lesson 3, “7. A new message interrupts”."
        )

    async def start(self, thread_id: str | None, events: AsyncIterator[bytes]) -> Turn:
        """Start a turn, as soon as the one before it in its thread has ended.

        Without a thread's id, the first frame is `thread.created` and has it.
        """
        raise NotImplementedError(
            "start() is not written yet: lesson 3, “7. A new message interrupts”."
        )

    async def stop_all(self) -> None:
        """End every turn. For the server's shutdown."""
        raise NotImplementedError(
            "stop_all() is not written yet: lesson 3, “9. When the server itself stops”."
        )
