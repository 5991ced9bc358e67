from agents import Agent, RunConfig, Runner
from chatkit import agents as bridge
from chatkit.server import ChatKitServer
from fastapi import FastAPI

from shared import console, endpoint, models, settings, store

helper = Agent(name="Helper", instructions="Be kind.")


class Chat(ChatKitServer):
    async def respond(self, thread, item, context):
        ctx = bridge.AgentContext(thread=thread, store=self.store, request_context=context)
        run = Runner.run_streamed(
            helper,
            "".join(part.text for part in item.content),
            context=ctx,
            run_config=RunConfig(model=models.get_model()),
        )
        async for event in bridge.stream_agent_response(ctx, run):
            yield event


app = FastAPI()
chat = Chat(store.SQLiteStore(settings.get_settings().database))
app.include_router(endpoint.chatkit_router(chat))
console.mount_console(app)
