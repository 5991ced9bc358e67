"""One turn at a time in each thread. A turn runs in the task of the connection that reads it."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator


class Turn:
    """One answer on its way, and the task that asks for its next frame."""

    def __init__(self) -> None:
        self.task: asyncio.Task[object] | None = None
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def stop(self) -> None:
        """End the turn, and return when what it had said is stored."""
        await self.begun.wait()
        if self.task and not self.task.cancelling():
            self.task.cancel()
        await self.ended.wait()


class Turns:
    """The turns that run, by thread."""

    def __init__(self) -> None:
        self._running: dict[str, Turn] = {}

    async def start(
        self, thread_id: str | None, events: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        """Return the frames of a new turn, as soon as the old one in its thread has ended."""
        while thread_id in self._running:
            await self._running[thread_id].stop()
        turn = Turn()
        if thread_id:
            self._running[thread_id] = turn
        return self._frames(turn, thread_id, events)

    async def _frames(
        self, turn: Turn, thread_id: str | None, events: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        try:
            turn.task = asyncio.current_task()
            async for frame in events:
                if thread_id is None:
                    thread_id = json.loads(frame.removeprefix(b"data: "))["thread"]["id"]
                    self._running[thread_id] = turn
                turn.begun.set()
                yield frame
                turn.task = asyncio.current_task()  # another one than for the first frame
        finally:
            turn.begun.set()
            turn.ended.set()
            if thread_id:
                self._running.pop(thread_id, None)

    async def stop_all(self) -> None:
        """End every turn. For the server's shutdown."""
        await asyncio.gather(*(turn.stop() for turn in list(self._running.values())))
