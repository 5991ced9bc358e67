"""Fits what is sent into the model's context window, right before it is sent."""

from typing import Any

from agents import TResponseInputItem
from agents.run import CallModelData, ModelInputData

from app.history import shorten
from shared.models import count_tokens
from shared.settings import get_settings

RESERVED = 1500  # tokens for instructions, tools, and what a tool returns
OLDER = 200  # tokens of a message that is not the last one


def fit(data: CallModelData[Any]) -> ModelInputData:
    """Shorten the older texts, and then the longest, until all fits."""
    budget = get_settings().context_window - RESERVED
    given = data.model_data
    items = list(given.input)
    for number, item in enumerate(items):
        if count_tokens(items) <= budget:
            break
        last = number == len(items) - 1 or not any("role" in one for one in items[number + 1 :])
        rest = budget - count_tokens(items[:number] + items[number + 1 :])
        items[number] = _cut(item, max(rest - 50, OLDER) if last else OLDER)
    return ModelInputData(input=items, instructions=given.instructions)


def _cut(item: TResponseInputItem, tokens: int) -> TResponseInputItem:
    content = item.get("content")
    if isinstance(content, str):
        return {**item, "content": shorten(content, tokens)}
    if isinstance(content, list):
        return {**item, "content": [{**one, "text": shorten(one["text"], tokens)} for one in content]}
    return item
