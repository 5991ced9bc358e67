"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

from fastapi import FastAPI

from app.ids import CountingStore
from app.server import TaskServer
from shared.console import mount_console
from shared.database import Database
from shared.endpoint import chatkit_router
from shared.settings import get_settings
from shared.task_manager import TaskStorage, task_manager

database = Database(get_settings().database)
server = TaskServer(CountingStore(database), task_manager(TaskStorage(database)))

app = FastAPI(title="Task Manager")
app.include_router(chatkit_router(server))
mount_console(app)
