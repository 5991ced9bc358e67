"""Gives `pytest checkpoints/L02` the engine's fixtures and verdicts."""

from checkpoints.engine.plugin import *  # noqa: F403
from checkpoints.engine.postgres_double import *  # noqa: F403
