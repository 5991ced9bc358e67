"""Items that a conversation may hold besides its messages, put into a thread while the server rests.

Lessons 2 to 4 keep threads in the shared Store. Of a work that keeps them elsewhere nothing can be
said here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from chatkit.types import ThreadItem
from pydantic import TypeAdapter

from checkpoints.engine.conversation import messages_in
from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import NotJudged
from checkpoints.L04.talk import Message, Talk
from shared import records
from shared.clock import now, utc_text

_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)


class Seeds:
    """Makes items for one thread."""

    def __init__(self, thread: str) -> None:
        self._thread = thread
        self._made = 0

    def _item(self, kind: str, **fields: Any) -> ThreadItem:
        self._made += 1
        common = {
            "id": f"seed_{self._made}",
            "thread_id": self._thread,
            "created_at": now(),
        }
        return _ITEM.validate_python({"type": kind, **common, **fields})

    def message(self, message: Message) -> ThreadItem:
        """What somebody said."""
        if message.role == "user":
            part = {"type": "input_text", "text": message.text}
            return self._item("user_message", content=[part], inference_options={})
        return self._item("assistant_message", content=[{"text": message.text}])

    def client_tool_call(self, name: str, output: str | None) -> ThreadItem:
        """A call of a tool on the page; without an output it is pending."""
        return self._item(
            "client_tool_call",
            status="pending" if output is None else "completed",
            call_id=f"call_{name}",
            name=name,
            arguments={},
            output=output and {"found": output},
        )

    def hidden(self, text: str) -> ThreadItem:
        """A note of the server."""
        return self._item("hidden_context_item", content=text)

    def widget(self, text: str) -> ThreadItem:
        """A card."""
        card = {"type": "Card", "children": [{"type": "Text", "value": text}]}
        return self._item("widget", widget=card)

    def workflow(self, text: str) -> ThreadItem:
        """A list of what was done."""
        tasks = [{"type": "custom", "title": text}]
        return self._item("workflow", workflow={"type": "custom", "tasks": tasks})


def alternating(texts: Iterable[str]) -> Iterator[Message]:
    """Messages of user and assistant in turn."""
    for number, text in enumerate(texts):
        yield Message("assistant" if number % 2 else "user", text)


async def put(lab: Lab, talk: Talk, items: Sequence[ThreadItem], said: Sequence[Message]) -> None:
    """Stop the server, add the items to the talk's thread, and start it again.

    `said`: the messages among them. Raises NotJudged where the work does not find them there.
    """
    thread = talk.thread or ""
    await lab.server.process.stop()
    try:
        with closing(sqlite3.connect(lab.server.database)) as connection, connection:
            _insert(connection, thread, items)
    except (KeyError, ValueError, sqlite3.Error):
        raise NotJudged(_ELSEWHERE) from None
    finally:
        await lab.server.start()
    talk.person = await lab.person(talk.person.user)
    talk.said += said
    stored = messages_in(await talk.person.items(thread))
    if [text for _, text in stored] != [message.text for message in talk.said]:
        raise NotJudged(_ELSEWHERE)


def _insert(connection: sqlite3.Connection, thread: str, items: Sequence[ThreadItem]) -> None:
    """Add rows like one that is there: a Store of a later lesson notes whose they are, too."""
    connection.row_factory = sqlite3.Row
    [like] = connection.execute("SELECT * FROM items WHERE thread_id = ? LIMIT 1", [thread])
    for item in items:
        row = dict(like) | {
            "id": item.id,
            "type": item.type,
            "created_at": utc_text(item.created_at),
            "data": records.dump_item(item),
        }
        del row["seq"]
        marks = ", ".join("?" * len(row))
        connection.execute(
            f"INSERT INTO items ({', '.join(row)}) VALUES ({marks})", list(row.values())
        )


_ELSEWHERE = "Your threads are not kept in the shared Store."
