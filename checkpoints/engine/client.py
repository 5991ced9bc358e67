"""A ChatKit client that believes nothing: it reads the wire and says what it saw."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from checkpoints.engine.shape import is_answer, is_event
from checkpoints.engine.verdict import Failed

SILENCE_SECONDS = 10.0  # so long may a stream say nothing
TURN_SECONDS = 30.0  # and so long may it take in all
MOST_EVENTS = 5_000
MOST_CHARACTERS = 5_000_000  # in one frame
_SHORT = 160  # characters of a body that are shown
_STREAMS = "`POST /chatkit` answers this request with a stream: status 200, `text/event-stream`."

Event = dict[str, Any]


def user_input(text: str) -> dict[str, Any]:
    """A user's message as the protocol writes it."""
    return {
        "content": [{"type": "input_text", "text": text}],
        "attachments": [],
        "inference_options": {},
    }


class Turn:
    """One streaming request and what came back of it, as far as it has been read."""

    def __init__(self, tried: str, response: httpx.Response) -> None:
        self.tried = tried
        self.status = response.status_code
        self.content_type = response.headers.get("content-type", "")
        self.events: list[Event] = []
        self.broken: str | None = None  # how the body ended before its end
        self._response = response
        # Read by a task of its own: a reader who loses patience must not tear the stream.
        self._arrived: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._ended = False
        self.pump = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        try:
            async for event in self._read():
                self._arrived.put_nowait(event)
        except Exception as error:  # for whoever reads
            self._arrived.put_nowait(error)
        self._arrived.put_nowait(None)

    async def _read(self) -> AsyncIterator[Event]:
        buffer = ""
        if self.status != 200 or not self.content_type.startswith("text/event-stream"):
            return
        try:
            async for piece in self._response.aiter_text():
                buffer = (buffer + piece).replace("\r\n", "\n")
                if len(buffer) > MOST_CHARACTERS:
                    raise self._endless()
                while "\n\n" in buffer:
                    frame, buffer = buffer.split("\n\n", 1)
                    if event := self._parse(frame):
                        yield event
        except httpx.HTTPError as error:
            self.broken = str(error) or type(error).__name__
        if not self.broken and buffer.strip() and (event := self._parse(buffer)):
            yield event

    def _parse(self, frame: str) -> Event | None:
        data = "\n".join(
            line[5:].removeprefix(" ") for line in frame.split("\n") if line.startswith("data:")
        )
        if not data:
            return None  # a comment: a heartbeat
        event = json_in(data)
        if not is_event(event):
            raise Failed(
                tried=self.tried,
                observed=f"The stream holds a frame that is no ChatKit event: {_short(data)}",
                expected="Each frame is `data: ` and one JSON event, as `server.process` makes them.",
                misconception="own-frames",
            )
        found: Event = event
        return found

    async def read_until(self, enough: Callable[[Event], bool]) -> Event | None:
        """Read on up to the event that is enough; None where the stream ends before it.

        Raises TimeoutError after a silence, Failed for a stream that does not end.
        """
        now = asyncio.get_running_loop().time
        give_up = now() + TURN_SECONDS
        while not self._ended:
            async with asyncio.timeout(SILENCE_SECONDS):
                arrived = await self._arrived.get()
            event = self._take(arrived)
            if event is None:
                break
            if now() > give_up:
                raise self._endless()
            if enough(event):
                return event
        return None

    def over(self) -> bool:
        """Read what has arrived by now, without waiting. Returns whether that was all.

        Raises Failed as `read_until` does.
        """
        while not self._ended and not self._arrived.empty():
            self._take(self._arrived.get_nowait())
        return self._ended

    def _take(self, arrived: Event | Exception | None) -> Event | None:
        """Note down what the pump has brought. Returns the event; None at the end."""
        if isinstance(arrived, Exception):
            raise arrived
        if arrived is None:
            self._ended = True
            return None
        self.events.append(arrived)
        if len(self.events) > MOST_EVENTS:
            raise self._endless()
        return arrived

    def _endless(self) -> Failed:
        return Failed(
            tried=self.tried,
            observed=f"The stream did not end: {len(self.events):,} events, and more were coming.",
            expected="`respond()` ends when the agent has answered. The end of the stream ends the "
            "turn.",
            misconception="endless-stream",
        )

    async def read_all(self) -> None:
        """Read to the end. A silence is a failure."""
        try:
            await self.read_until(lambda _: False)
        except TimeoutError:
            last = self.events[-1]["type"] if self.events else "nothing at all"
            raise Failed(
                tried=self.tried,
                observed=f"The stream fell silent for {SILENCE_SECONDS:.0f} seconds and did not "
                f"end. The last thing that came: {last}.",
                expected="Every turn comes to an end, and the stream with it.",
                misconception="hanging-stream",
            ) from None
        self.require_whole()

    # What a turn should be. Each raises Failed with a sentence.

    async def require_stream(self) -> None:
        """The answer begins as a stream of events."""
        if self.status != 200:
            raise Failed(
                tried=self.tried,
                observed=f"Your server answered with status {self.status}: "
                + (_short(await self._beginning()) or "no body"),
                expected=_STREAMS,
                misconception=f"status-{self.status}",
            )
        if not self.content_type.startswith("text/event-stream"):
            raise Failed(
                tried=self.tried,
                observed=f"The answer has the content type `{self.content_type or 'none'}`.",
                expected=_STREAMS + " A browser shows nothing of a stream under another name.",
                misconception="content-type",
            )

    async def _beginning(self) -> str:
        """So much of the body as one wants to see, be it without an end."""
        text = ""
        with suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(SILENCE_SECONDS):
                async for piece in self._response.aiter_text():
                    text += piece
                    if len(text) > _SHORT:
                        break
        return text

    def require_whole(self) -> None:
        """The stream came to its end."""
        if self.broken:
            raise Failed(
                tried=self.tried,
                observed=f"The connection broke in the middle of the answer ({self.broken}).",
                expected="The stream ends by itself, after the last event.",
                misconception="broken-stream",
            )

    def require_no_error(self) -> None:
        """The server did not say that something went wrong."""
        for event in self.of_type("error"):
            said = f" with the message “{event['message']}”" if event.get("message") else ""
            raise Failed(
                tried=self.tried,
                observed=f"The stream holds an `error` event{said}: `respond()` raised. "
                "ChatKit turns what it raises into this event; the status stays 200.",
                expected="`respond()` runs to its end without an exception.",
                misconception="respond-raises",
            )

    # Views on the events.

    def of_type(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    @property
    def thread_id(self) -> str | None:
        return next((event["thread"]["id"] for event in self.of_type("thread.created")), None)

    @property
    def finished_items(self) -> list[Event]:
        """The items of `thread.item.done`, in order."""
        return [event["item"] for event in self.of_type("thread.item.done")]

    @property
    def answers(self) -> list[Event]:
        """The finished assistant messages."""
        return [item for item in self.finished_items if item["type"] == "assistant_message"]

    @property
    def streamed_text(self) -> str:
        """What a page would have shown so far, put together from the deltas."""
        return "".join(
            event["update"]["delta"]
            for event in self.of_type("thread.item.updated")
            if event["update"]["type"] == "assistant_message.content_part.text_delta"
        )

    def streamed_by_item(self) -> dict[str, str]:
        """The text that a page would have put together for each assistant message, by item id."""
        texts: dict[str, str] = {}
        for event in self.of_type("thread.item.updated"):
            update = event["update"]
            if update["type"] == "assistant_message.content_part.text_delta":
                texts[event["item_id"]] = texts.get(event["item_id"], "") + update["delta"]
            elif update["type"] == "assistant_message.content_part.added":
                said = update["content"].get("text", "")
                texts[event["item_id"]] = texts.get(event["item_id"], "") + said
        return texts


def text_of(item: Event) -> str:
    """The text of a message item."""
    return "".join(part.get("text", "") for part in item.get("content", []))


class ChatKit:
    """One person at the server."""

    def __init__(
        self, http: httpx.AsyncClient, path: str, user: str, token: str | None = None
    ) -> None:
        """Speak for `user`, with their name and their token: a server believes the one or the other."""
        self._http = http
        self._path = path
        self.user = user
        self.headers = {"X-Demo-User": user}
        if token is not None:
            self.headers["Authorization"] = f"Bearer {token}"

    @property
    def url(self) -> str:
        """The address of the endpoint."""
        return str(self._http.base_url.join(self._path))

    def sending(self, headers: Mapping[str, str], query: str = "") -> ChatKit:
        """The same connection, with these headers in place of a name and a token."""
        other = ChatKit(self._http, f"{self._path}{query}", self.user)
        other.headers = dict(headers)
        return other

    def message(self, text: str, thread: str | None = None) -> dict[str, Any]:
        """The request that sends a message to a thread, or opens one with it."""
        where = {} if thread is None else {"thread_id": thread}
        return {
            "type": "threads.create" if thread is None else "threads.add_user_message",
            "params": {**where, "input": user_input(text)},
        }

    async def say(self, text: str, thread: str | None = None) -> Turn:
        """Send a message and read the whole answer. Raises Failed unless it is a whole stream."""
        async with self.saying(text, thread) as turn:
            await turn.require_stream()
            await turn.read_all()
        return turn

    @asynccontextmanager
    async def saying(self, text: str, thread: str | None = None) -> AsyncIterator[Turn]:
        """Send a message; the body reads the turn as it comes. Leaving closes the connection."""
        body = self.message(text, thread)
        where = "a new thread" if thread is None else "the same thread"
        tried = f"Sent “{text}” to {where} ({body['type']})."
        try:
            async with (
                asyncio.timeout(SILENCE_SECONDS) as patience,
                self._http.stream("POST", self._path, json=body, headers=self.headers) as response,
            ):
                patience.reschedule(None)  # the head is there; the turn minds the rest
                turn = Turn(tried, response)
                try:
                    yield turn
                finally:
                    turn.pump.cancel()
        except TimeoutError:
            raise Failed(
                tried=tried,
                observed=f"No answer began within {SILENCE_SECONDS:.0f} seconds.",
                expected="The stream begins at once; the words follow as the model makes them.",
                misconception="no-answer",
            ) from None
        except httpx.RequestError as error:
            raise Failed(
                tried=tried,
                observed=f"The server gave no answer ({str(error) or type(error).__name__}).",
                expected=_STREAMS,
                misconception="server-gone",
            ) from None

    async def send(self, method: str, path: str) -> httpx.Response:
        """Send a request without a body to another of the server's addresses."""
        async with asyncio.timeout(SILENCE_SECONDS):
            return await self._http.request(method, path, headers=self.headers)

    async def post(self, body: Any) -> httpx.Response:
        """Send any body, JSON or raw bytes, and return the response whole."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, "Content-Type": "application/json"}
        async with asyncio.timeout(SILENCE_SECONDS):
            return await self._http.post(self._path, content=content, headers=headers)

    async def ask(self, operation: str, **params: Any) -> Any:
        """One of the operations that answer with JSON. Raises Failed when it does not."""
        tried = f"Asked for `{operation}`" + (" of the thread." if "thread_id" in params else ".")
        try:
            response = await self.post({"type": operation, "params": params})
        except (TimeoutError, httpx.RequestError) as error:
            raise Failed(
                tried=tried,
                observed=f"The server gave no answer ({str(error) or type(error).__name__}).",
                expected="Status 200 and a JSON body.",
                misconception="server-gone",
            ) from None
        kind = response.headers.get("content-type", "none")
        found = json_in(response.text)
        if response.status_code != 200:
            observed = f"Status {response.status_code}: {_short(response.text)}"
        elif not kind.startswith("application/json"):
            observed = f"The answer has the content type `{kind}`: {_short(response.text)}"
        elif not is_answer(operation, found):
            observed = f"The body is not what `{operation}` returns: {_short(response.text)}"
        else:
            return found
        raise Failed(
            tried=tried,
            observed=observed,
            expected="Ten of the sixteen operations answer with JSON, not with a stream: status 200 "
            "and `application/json`. `server.process` returns a StreamingResult for the others only.",
            misconception="json-operation",
        )

    async def items(self, thread: str) -> list[Event]:
        """All items of a thread as the server has them, oldest first."""
        items: list[Event] = []
        after = None
        for _ in range(50):
            params = {"thread_id": thread, "limit": 100, "order": "asc"}
            page = await self.ask("items.list", **params, **({"after": after} if after else {}))
            items += page.get("data", [])
            after = page.get("after")
            if not page.get("has_more") or not after:
                break
        return items


def json_in(text: str) -> Any:
    """What the text holds; None where it is no JSON, or nested beyond all reason."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
