"""The model behind the agents: the offline one, or a real one that the environment asks for.

Importing this package is cheap. The SDKs are imported when a model is made, for they take seconds
and `count_tokens` needs none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.models.tokens import count_tokens
from shared.settings import Settings, get_settings

if TYPE_CHECKING:
    from agents import Model

__all__ = ["count_tokens", "describe_model", "get_model"]

OPENAI_URL = "https://api.openai.com/v1"


def get_model(settings: Settings | None = None) -> Model:
    """The model that the settings ask for (default: those of the environment).

    - no key and no base URL, or `CHATKIT_MODEL=offline`: `OfflineModel`
    - a base URL: the OpenAI-compatible server there, through Chat Completions
    - a key alone: OpenAI, through the Responses API

    Turns off the Agents SDK's tracing for the whole process, unless the settings want it.
    """
    settings = settings or get_settings()

    import agents

    if not settings.tracing:
        agents.set_tracing_disabled(True)
    if settings.offline:
        from shared.models.offline import OfflineModel

        return OfflineModel(settings.words_per_second, settings.context_window)

    from openai import AsyncOpenAI

    from shared.models.compatible import CompatibleModel

    # The client refuses to start without a key, and local servers such as Ollama want none.
    client = AsyncOpenAI(
        api_key=settings.api_key or "no-key-needed", base_url=settings.base_url or OPENAI_URL
    )
    if settings.base_url:
        return CompatibleModel(_name(settings), client)
    return agents.OpenAIResponsesModel(_name(settings), client)


def describe_model(settings: Settings | None = None) -> str:
    """One line for people: which model answers, and where it runs."""
    settings = settings or get_settings()
    if settings.offline:
        return "the offline model: no key, no network"
    if settings.base_url:
        return f"{_name(settings)} at {settings.base_url}"
    return f"{_name(settings)} at OpenAI (your OPENAI_API_KEY)"


def _name(settings: Settings) -> str:
    if settings.model:
        return settings.model

    from agents.models.default_models import get_default_model

    return get_default_model()
