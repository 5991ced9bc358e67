"""The chapter's example: an agent that keeps track of tasks, and where it keeps them."""

from shared.task_manager.agent import task_manager
from shared.task_manager.documents import Document, analyse, project_documents
from shared.task_manager.storage import LONGEST_TITLE, Summary, Task, TaskError, TaskStorage

__all__ = [
    "LONGEST_TITLE",
    "Document",
    "Summary",
    "Task",
    "TaskError",
    "TaskStorage",
    "analyse",
    "project_documents",
    "task_manager",
]
