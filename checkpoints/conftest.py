"""Gives `pytest checkpoints/L02` the engine's fixtures and verdicts."""

from checkpoints.engine.plugin import *  # noqa: F403
