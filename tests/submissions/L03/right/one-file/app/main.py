"""The Task Manager's server, whole: the agent, its slow tool, the turns and the application."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agents import RunContextWrapper, Runner, function_tool
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.types import (
    ChatKitReq,
    ProgressUpdateEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from fastapi import FastAPI
from pydantic import TypeAdapter

from shared.console import mount_console
from shared.context import RequestContext
from shared.database import Database
from shared.endpoint import chatkit_router
from shared.settings import get_settings
from shared.store import SQLiteStore
from shared.task_manager import TaskStorage, analyse, project_documents, task_manager

REQUEST: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)
database = Database(get_settings().database)


@function_tool
async def analyse_documents(wrapper: RunContextWrapper[AgentContext[RequestContext]]) -> str:
    """List what is still open in the minutes of the project's meetings."""
    documents, found = project_documents(), list[str]()
    for number, document in enumerate(documents, start=1):
        text = f"Reading {document.title} ({number}/{len(documents)})"
        await wrapper.context.stream(ProgressUpdateEvent(text=text))
        found += await analyse(document)
    return "\n".join(found)


agent = task_manager(TaskStorage(database), tools=[analyse_documents])


class Server(ChatKitServer[RequestContext]):
    """Each turn runs in a task of its own."""

    def __init__(self) -> None:
        super().__init__(SQLiteStore(database))
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        parsed = REQUEST.validate_json(request)
        result = await super().process(request, context)
        if isinstance(result, NonStreamingResult):
            return result
        thread_id: str | None = getattr(parsed.params, "thread_id", None)
        if thread_id is None:
            return StreamingResult(self._read(*await self._begin(None, result)))
        await self.store.load_thread(thread_id, context)
        async with self.locks[thread_id]:
            if old := self.tasks.get(thread_id):
                old.cancel()
                await asyncio.wait([old])
            turn = await self._begin(thread_id, result)
        return StreamingResult(self._read(*turn))

    async def _begin(
        self, thread_id: str | None, result: StreamingResult
    ) -> tuple["asyncio.Queue[bytes | None]", "asyncio.Task[None]"]:
        """Start a turn. Returns when it has said its first word, and has stored the message."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        begun = asyncio.Event()

        async def run() -> None:
            nonlocal thread_id
            try:
                async for frame in result.json_events:
                    if thread_id is None:
                        thread_id = json.loads(frame[6:])["thread"]["id"]
                        self.tasks[thread_id] = task
                    queue.put_nowait(frame)
                    begun.set()
            finally:
                begun.set()
                queue.put_nowait(None)

        def forget(ended: asyncio.Task[None]) -> None:
            if thread_id and self.tasks.get(thread_id) is ended:
                del self.tasks[thread_id]

        task = asyncio.create_task(run())
        task.add_done_callback(forget)
        if thread_id:
            self.tasks[thread_id] = task
        await begun.wait()
        return queue, task

    async def _read(
        self, queue: "asyncio.Queue[bytes | None]", task: "asyncio.Task[None]"
    ) -> AsyncIterator[bytes]:
        try:
            while frame := await queue.get():
                yield frame
        finally:
            if not task.cancelling():
                task.cancel()

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        page = await self.store.load_thread_items(thread.id, None, 20, "desc", context)
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        given = await simple_to_agent_input(page.data[::-1])
        result = Runner.run_streamed(agent, given, context=agent_context)
        try:
            async for event in stream_agent_response(agent_context, result):
                yield event
        finally:
            result.cancel()


server = Server()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    for task in list(server.tasks.values()):
        task.cancel()
    await asyncio.gather(*server.tasks.values(), return_exceptions=True)
    await database.close()


app = FastAPI(lifespan=lifespan)
app.include_router(chatkit_router(server))
mount_console(app)
