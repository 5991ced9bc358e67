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
        self.first: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._stopping: asyncio.Task[None] | None = None
        self.task = asyncio.create_task(self._run(events))
        self.task.add_done_callback(lambda _: self._frames.put_nowait(None))

    async def _run(self, events: AsyncIterator[bytes]) -> None:
        """Drive the events. Nothing waits here, so a stop always lands inside of them."""
        try:
            async for frame in events:
                self._frames.put_nowait(frame)
                if not self.first.done():
                    self.first.set_result(frame)
        finally:
            if not self.first.done():
                self.first.set_result(None)

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the frames as they come. Whoever stops reading stops the turn."""
        try:
            while (frame := await self._frames.get()) is not None:
                yield frame
            if not self.task.cancelled():
                self.task.result()  # raises what the turn raised
        finally:
            # Not awaited: where the reader was cancelled, every `await` would be cancelled too.
            self._stopping = asyncio.create_task(self.stop())

    async def stop(self) -> None:
        """End the turn, and return when what it had said is stored."""
        await self.first  # by then, what the person said is stored
        if not self.task.cancelling():
            self.task.cancel()
        await asyncio.wait([self.task])


class Turns:
    """The turns that run, by thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self._running: dict[str, Turn] = {}

    def __contains__(self, thread_id: object) -> bool:
        """Whether a turn runs in that thread."""
        return thread_id in self._running

    async def start(self, thread_id: str | None, events: AsyncIterator[bytes]) -> Turn:
        """Start a turn, as soon as the one before it in its thread has ended.

        Without a thread's id, the first frame is `thread.created` and has it.
        """
        while thread_id in self._running:
            await self._running[thread_id].stop()
        turn = Turn(events)
        if thread_id is None and (created := await turn.first):
            thread_id = json.loads(created.removeprefix(b"data: "))["thread"]["id"]
        if thread_id is not None and not turn.task.done():
            self._running[thread_id] = turn
            turn.task.add_done_callback(lambda _: self._running.pop(thread_id))
        return turn

    async def stop(self, thread_id: str) -> None:
        """End the turn that runs in this thread, if one does."""
        if turn := self._running.get(thread_id):
            await turn.stop()

    async def stop_all(self) -> None:
        """End every turn. For the server's shutdown."""
        await asyncio.gather(*(turn.stop() for turn in self._running.values()))
