"""Turns that are asked to stop, and then come to their end by themselves."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextvars import ContextVar


class Turn:
    """One answer on its way. Whoever runs it finds it in `current`."""

    def __init__(self) -> None:
        self.stop_asked = asyncio.Event()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.frames: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def run(self, events: AsyncIterator[bytes]) -> None:
        """Put all frames into the queue."""
        current.set(self)
        try:
            async for frame in events:
                self.frames.put_nowait(frame)
                self.begun.set()
        finally:
            self.begun.set()
            self.ended.set()
            self.frames.put_nowait(None)

    async def stop(self) -> None:
        """Ask the turn to stop, and wait until it has."""
        await self.begun.wait()
        self.stop_asked.set()
        await self.ended.wait()

    async def read(self) -> AsyncGenerator[bytes, None]:
        """Yield the frames. Who leaves asks the turn to stop."""
        try:
            while (frame := await self.frames.get()) is not None:
                yield frame
        finally:
            self.stop_asked.set()


current: ContextVar[Turn] = ContextVar("current")
