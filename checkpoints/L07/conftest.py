"""Gives the checks of this lesson a browser, and people at the page."""

from checkpoints.engine.visitor import *  # noqa: F403
