"""Turns that a message of `scene NAME` plays: widgets, images and workflows, step by step.

Where a scene calls `step`, it goes on when the test lets it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from chatkit.store import default_generate_id
from chatkit.types import (
    CustomSummary,
    CustomTask,
    GeneratedImage,
    GeneratedImageItem,
    GeneratedImageUpdated,
    SearchTask,
    ThoughtTask,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    URLSource,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from chatkit.widgets import DynamicWidgetComponent, DynamicWidgetRoot

Step = Callable[[], Awaitable[None]]
Scene = Callable[[ThreadMetadata, Step], AsyncIterator[ThreadStreamEvent]]

FORM: dict[str, Any] = {
    "type": "Form",
    "onSubmitAction": {"type": "save", "payload": {"id": "t1"}},
    "children": [
        {"type": "Label", "value": "What is to be done?", "fieldName": "title"},
        {"type": "Input", "name": "title", "required": True, "placeholder": "Title"},
        {"type": "Textarea", "name": "notes", "placeholder": "Notes"},
        {"type": "Label", "value": "How urgent is it?", "fieldName": "priority"},
        {
            "type": "Select",
            "name": "priority",
            "defaultValue": "normal",
            "options": [
                {"value": "normal", "label": "Normal"},
                {"value": "high", "label": "High"},
            ],
        },
        {
            "type": "RadioGroup",
            "name": "place",
            "ariaLabel": "Place",
            "direction": "row",
            "defaultValue": "home",
            "options": [
                {"value": "home", "label": "Home"},
                {"value": "office", "label": "Office"},
                {"value": "moon", "label": "Moon", "disabled": True},
            ],
        },
        {"type": "Label", "value": "When is it due?", "fieldName": "due"},
        {
            "type": "DatePicker",
            "name": "due",
            "defaultValue": "2026-11-30T00:00:00Z",
            "min": "2026-11-01T00:00:00Z",
            "max": "2026-12-31T00:00:00Z",
        },
        {"type": "Checkbox", "name": "remind", "label": "Remind me"},
        {"type": "Checkbox", "name": "share", "label": "Share it", "defaultChecked": True},
        {"type": "Button", "label": "Save", "submit": True, "style": "primary"},
    ],
}

CONTROLS: list[dict[str, Any]] = [
    {
        "type": "Checkbox",
        "name": "done",
        "label": "Done",
        "onChangeAction": {"type": "toggle", "payload": {"id": "t1"}, "streaming": False},
    },
    {
        "type": "Button",
        "label": "Refused",
        "onClickAction": {"type": "refuse", "streaming": False},
    },
    {
        "type": "Button",
        "label": "On this page",
        "onClickAction": {"type": "open", "payload": {"id": "t1"}, "handler": "client"},
    },
    {
        "type": "Button",
        "label": "A list",
        "onClickAction": {"type": "pick", "payload": ["a", "b"]},
    },
]

# What a server of another version, or with a mistake in it, may send.
ODD: list[dict[str, Any]] = [
    {"type": "Hologram", "depth": 3},
    {"type": "constructor"},
    {"type": "Select", "name": "no options"},
    {"type": "Text", "value": "Everything else still shows."},
]


def _picture(colour: str) -> str:
    shape = f"%3Crect width='160' height='90' fill='{colour}'/%3E"
    box = "xmlns='http://www.w3.org/2000/svg' width='160' height='90'"
    return f"data:image/svg+xml,%3Csvg {box}%3E{shape}%3C/svg%3E"


DRAFT, FINAL = _picture("silver"), _picture("teal")


def _place(thread: ThreadMetadata) -> dict[str, Any]:
    """What every item has."""
    return {
        "id": default_generate_id("message"),
        "thread_id": thread.id,
        "created_at": datetime.now(UTC),
    }


def widget_item(thread: ThreadMetadata, root: dict[str, Any]) -> WidgetItem:
    """A widget as the server's templates make them: a tree of components, as JSON."""
    return WidgetItem(**_place(thread), widget=DynamicWidgetRoot.model_validate(root))


def card(*children: dict[str, Any]) -> Scene:
    """The scene that shows these components at once."""

    async def scene(thread: ThreadMetadata, step: Step) -> AsyncIterator[ThreadStreamEvent]:
        yield ThreadItemDoneEvent(
            item=widget_item(thread, {"type": "Card", "children": list(children)})
        )

    return scene


async def writing(thread: ThreadMetadata, step: Step) -> AsyncIterator[ThreadStreamEvent]:
    """A widget whose text streams, and which is then changed in part and as a whole."""

    def root(text: str, state: str) -> dict[str, Any]:
        draft = {"type": "Text", "id": "draft", "value": text, "streaming": True}
        badge = {"type": "Badge", "id": "state", "label": state}
        return {"type": "Card", "children": [{"type": "Col", "children": [draft]}, badge]}

    def update(change: Any) -> ThreadItemUpdatedEvent:
        return ThreadItemUpdatedEvent(item_id=item.id, update=change)

    item = widget_item(thread, root("", "writing"))
    yield ThreadItemAddedEvent(item=item)
    for word in ("Dear ", "reader"):
        await step()
        yield update(WidgetStreamingTextValueDelta(component_id="draft", delta=word, done=False))
    await step()
    badge = DynamicWidgetComponent.model_validate(
        {"type": "Badge", "id": "state", "label": "checking"}
    )
    yield update(WidgetComponentUpdated(component_id="state", component=badge))
    await step()
    changed = DynamicWidgetRoot.model_validate(root("Dear reader!", "sent"))
    yield update(WidgetRootUpdated(widget=changed))
    yield ThreadItemDoneEvent(item=item.model_copy(update={"widget": changed}))


async def image(thread: ThreadMetadata, step: Step) -> AsyncIterator[ThreadStreamEvent]:
    """An image that is announced, drafted and finished."""
    item = GeneratedImageItem(**_place(thread))
    yield ThreadItemAddedEvent(item=item)
    await step()
    draft = GeneratedImage(id="image_1", url=DRAFT)
    update = GeneratedImageUpdated(image=draft, progress=0.5)
    yield ThreadItemUpdatedEvent(item_id=item.id, update=update)
    await step()
    final = GeneratedImage(id="image_1", url=FINAL)
    yield ThreadItemDoneEvent(item=item.model_copy(update={"image": final}))


async def foreign_image(thread: ThreadMetadata, step: Step) -> AsyncIterator[ThreadStreamEvent]:
    """An image on another host, which the page must not ask for."""
    elsewhere = GeneratedImage(id="image_2", url="http://evil.test/image?q=secret")
    yield ThreadItemDoneEvent(item=GeneratedImageItem(**_place(thread), image=elsewhere))


async def workflow(thread: ThreadMetadata, step: Step) -> AsyncIterator[ThreadStreamEvent]:
    """Three tasks, of which the first is told twice, and a summary."""
    item = WorkflowItem(**_place(thread), workflow=Workflow(type="custom", tasks=[]))
    yield ThreadItemAddedEvent(item=item)

    def added(index: int, task: Any) -> ThreadItemUpdatedEvent:
        return ThreadItemUpdatedEvent(
            item_id=item.id, update=WorkflowTaskAdded(task_index=index, task=task)
        )

    await step()
    looking = CustomTask(title="Read the notes", status_indicator="loading")
    yield added(0, looking)
    await step()
    read = looking.model_copy(update={"status_indicator": "complete", "content": "Three **notes**"})
    yield ThreadItemUpdatedEvent(
        item_id=item.id, update=WorkflowTaskUpdated(task_index=0, task=read)
    )
    search = SearchTask(
        title="Searched", sources=[URLSource(title="The textbook", url="https://example.com/book")]
    )
    yield added(1, search)
    thought = ThoughtTask(title="Thought", content="The second one is newer.")
    yield added(2, thought)
    await step()
    done = Workflow(
        type="custom",
        tasks=[read, search, thought],
        summary=CustomSummary(title="Looked into three notes"),
    )
    yield ThreadItemDoneEvent(item=item.model_copy(update={"workflow": done}))


SCENES: dict[str, Scene] = {
    "form": card(FORM),
    "controls": card(*CONTROLS),
    "odd": card(*ODD),
    "writing": writing,
    "image": image,
    "foreign image": foreign_image,
    "workflow": workflow,
}
