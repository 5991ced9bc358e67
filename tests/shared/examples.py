"""Threads, items and attachments to store: ordinary ones, unusual ones, one of each kind."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageItem,
    AttachmentUploadDescriptor,
    ClientToolCallItem,
    CustomSummary,
    CustomTask,
    DurationSummary,
    EndOfTurnItem,
    FileAttachment,
    FileSource,
    GeneratedImage,
    GeneratedImageItem,
    HiddenContextItem,
    ImageAttachment,
    InferenceOptions,
    SDKHiddenContextItem,
    SearchTask,
    StructuredInputAnswer,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    TaskItem,
    ThreadItem,
    ThreadMetadata,
    ToolChoice,
    URLSource,
    UserMessageItem,
    UserMessageTagContent,
    UserMessageTextContent,
    WidgetItem,
    Workflow,
    WorkflowItem,
)
from chatkit.widgets import (
    Button,
    Card,
    Col,
    DynamicWidgetRoot,
    ListView,
    ListViewItem,
    Text,
    WidgetRoot,
)
from pydantic import AnyUrl

from shared.context import RequestContext

CONTEXT = RequestContext(user_id="you")
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
UNUSUAL_TEXTS = [
    "",
    "Grüße, 世界 👋🏽",
    "a\x00b",
    "'; DROP TABLE threads; --",
    "\u2028\r\n\t\\",
    "x" * 100_000,
]
UNUSUAL_TIMES = [
    datetime(2026, 1, 31, 12, 0, 0, 123456),
    NOON,
    datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=5, minutes=45))),
    datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone(timedelta(hours=-8))),
]


def thread(id: str = "thr_1", created_at: datetime = NOON, **fields: Any) -> ThreadMetadata:
    return ThreadMetadata(id=id, created_at=created_at, **fields)


def message(
    id: str, text: str = "Hello", thread_id: str = "thr_1", created_at: datetime = NOON
) -> AssistantMessageItem:
    content = [AssistantMessageContent(text=text)]
    return AssistantMessageItem(id=id, thread_id=thread_id, created_at=created_at, content=content)


def every_kind_of_item() -> list[ThreadItem]:
    """At least one item of each type, with the fields filled that are easily lost."""
    base: dict[str, Any] = {"thread_id": "thr_1", "created_at": NOON}
    choice = StructuredInputMultipleChoice(
        id="q1",
        question="Which?",
        options=[StructuredInputMultipleChoiceOption(value="a")],
        answer=StructuredInputAnswer(values=["a"]),
    )
    return [
        UserMessageItem(
            id="user",
            content=[
                UserMessageTextContent(text="Hello"),
                UserMessageTagContent(id="tag", text="@me", data={"a": [1, None, 2.5]}),
            ],
            attachments=[file(), image()],
            quoted_text="quoted",
            inference_options=InferenceOptions(tool_choice=ToolChoice(id="t"), model="m"),
            **base,
        ),
        UserMessageItem(id="bare", content=[], inference_options=InferenceOptions(), **base),
        AssistantMessageItem(
            id="assistant",
            content=[
                AssistantMessageContent(
                    text="See there.",
                    annotations=[
                        Annotation(source=URLSource(title="T", url="https://x.example"), index=3),
                        Annotation(source=FileSource(title="F", filename="f.txt")),
                    ],
                )
            ],
            **base,
        ),
        ClientToolCallItem(
            id="call",
            status="completed",
            call_id="c",
            name="pick",
            arguments={"deep": {"er": [True, None]}},
            output=[1, "two"],
            **base,
        ),
        *(WidgetItem(id=f"widget_{at}", widget=one, **base) for at, one in enumerate(widgets())),
        WidgetItem(id="copied", widget=widgets()[0], copy_text="Title", **base),
        GeneratedImageItem(
            id="image", image=GeneratedImage(id="i", url="https://x.example"), **base
        ),
        StructuredInputItem(
            id="form",
            status="answered",
            inputs=[choice, StructuredInputFreeform(id="q2", question="Why?")],
            **base,
        ),
        WorkflowItem(
            id="workflow",
            workflow=Workflow(
                type="custom",
                tasks=[
                    CustomTask(title="Look", status_indicator="loading"),
                    SearchTask(
                        queries=["q"], sources=[URLSource(title="T", url="https://x.example")]
                    ),
                ],
                summary=CustomSummary(title="Done", icon="check"),
                expanded=True,
            ),
            **base,
        ),
        WorkflowItem(
            id="reasoning",
            workflow=Workflow(type="reasoning", tasks=[], summary=DurationSummary(duration=3)),
            **base,
        ),
        TaskItem(id="task", task=CustomTask(title="One", content="two"), **base),
        HiddenContextItem(id="hidden", content={"any": ["thing", 1]}, **base),
        SDKHiddenContextItem(id="sdk", content="cancelled", **base),
        EndOfTurnItem(id="end", **base),
    ]


def widgets() -> list[WidgetRoot]:
    """Widgets of the SDK's classes, and some as a template builds them, with fields of its own."""
    with warnings.catch_warnings():  # the SDK would rather have all of them from templates
        warnings.simplefilter("ignore", DeprecationWarning)
        title = Text(value="Title", weight="medium", id="title")
        return [
            Card(children=[Col(padding={"x": 4}, children=[title]), Button(label="Go")]),
            ListView(children=[ListViewItem(children=[title])]),
            *(
                DynamicWidgetRoot.model_validate(
                    {
                        "type": root,
                        "tint": "blue",
                        "children": [{"type": "Text", "value": "a"}, {"type": "Dial", "turns": 2}],
                    }
                )
                for root in ("Card", "ListView", "Basic")
            ),
        ]


def file() -> FileAttachment:
    return FileAttachment(
        id="file",
        name="a.txt",
        mime_type="text/plain",
        thread_id="thr_1",
        metadata={"path": "/a", "size": 3},
    )


def image() -> ImageAttachment:
    return ImageAttachment(
        id="image",
        name="a.png",
        mime_type="image/png",
        preview_url=AnyUrl("https://x.example/a.png"),
        upload_descriptor=AttachmentUploadDescriptor(
            url=AnyUrl("https://x.example/up"), method="PUT", headers={"X-A": "b"}
        ),
    )
