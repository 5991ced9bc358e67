"""The Task Manager's server: the console at `/`, one question and one answer at `/ask`."""

from agents import Agent, Runner
from fastapi import FastAPI
from pydantic import BaseModel

from app.server import TaskServer
from shared.console import mount_console
from shared.database import Database
from shared.endpoint import chatkit_router
from shared.models import get_model
from shared.settings import get_settings
from shared.store import SQLiteStore
from shared.task_manager import TaskStorage, task_manager

agent = Agent(
    name="Task Manager",
    instructions="You help one person to keep track of their tasks. Answer briefly.",
    model=get_model(),
)
app = FastAPI(title="Task Manager")


class Message(BaseModel):
    text: str


@app.post("/ask")
async def ask(question: Message) -> Message:
    """Answer one question and forget it: nothing streams, nothing is stored."""
    result = await Runner.run(agent, question.text)
    return Message(text=result.final_output)


mount_console(app)
