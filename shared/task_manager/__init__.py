"""The chapter's example: an agent that keeps track of tasks, and where it keeps them."""

from shared.task_manager.agent import task_manager
from shared.task_manager.storage import LONGEST_TITLE, Summary, Task, TaskError, TaskStorage

__all__ = ["LONGEST_TITLE", "Summary", "Task", "TaskError", "TaskStorage", "task_manager"]
