"""What lesson 2 asks for, tried from outside over HTTP.

The model is the provider's double, so each check knows which words it let the model say. Nothing
here looks at how the work is written.
"""

from __future__ import annotations

import asyncio

from checkpoints.engine.client import ChatKit, Turn, text_of
from checkpoints.engine.plugin import Lab, Words
from checkpoints.engine.provider import Call, CallTools, Gate, Provider, Reply, Say, ToolUse
from checkpoints.engine.verdict import Failed, NotJudged, check

LAG = 3  # words that may be held back on their way; a buffered answer holds back all
LOCK_STEP_SECONDS = 4.0


@check(why="Everything else needs a server that runs.", keeps=True)
async def check_starts(lab: Lab) -> None:
    """Your app starts."""


@check(
    needs=(check_starts,),
    why="ChatKit's client knows one address. It sends every operation there.",
    covers=("LO-004",),
)
async def check_endpoint(alice: ChatKit, words: Words) -> None:
    """A message to POST /chatkit opens a thread and is answered with a stream."""
    turn = await alice.say(words.sentence())
    if turn.thread_id is None:
        raise Failed(
            tried=turn.tried,
            observed="The stream holds no `thread.created`.",
            expected="`threads.create` opens a thread; ChatKitServer says so in the first event.",
            misconception="no-thread",
        )
    if not any(item["type"] == "user_message" for item in turn.finished_items):
        raise Failed(
            tried=turn.tried,
            observed="The stream holds no `thread.item.done` for the user's own message.",
            expected="ChatKitServer stores the message and says so before it calls `respond()`.",
            misconception="no-user-message",
        )


@check(
    needs=(check_endpoint,),
    why="An answer that does not come from the model is no agent; a message sent twice costs twice "
    "and confuses the model.",
    covers=("LO-004", "SC-002"),
)
async def check_agent_hears(alice: ChatKit, model: Provider, words: Words, lab: Lab) -> None:
    """Your agent gets the message, as it was written, once."""
    text = words.sentence()
    turn = await alice.say(text)
    calls = [call for call in model.calls if _said(call, text)]
    if not calls:
        raise _never_heard(turn, model, lab)
    for call in calls:
        heard = [said for said in call.user_texts if text in said]
        if len(heard) > 1 or any(said.count(text) > 1 for said in heard):
            raise Failed(
                tried=turn.tried,
                observed=f"The model was sent the same message {max(len(heard), 2)} times in one call.",
                expected="The new message reaches the model once. (It is already stored when "
                "`respond()` begins: who loads the thread's items has it, and adds it no more.)",
                misconception="message-twice",
            )
        if any(
            sign in said
            for said in heard
            for sign in ("inference_options=", "UserMessageTextContent(")
        ):
            raise Failed(
                tried=turn.tried,
                observed=f"The model was sent the Python object, not its text: “{heard[0][:90]}…”.",
                expected=f"The model is sent the text “{text}”. `simple_to_agent_input` turns an "
                "item into what the Agents SDK takes.",
                misconception="object-not-text",
            )


def _said(call: Call, text: str) -> bool:
    return any(text in said for said in call.user_texts)


def _never_heard(turn: Turn, model: Provider, lab: Lab) -> Failed:
    """Why the message is in no call to the model."""
    expected = (
        "`respond()` runs your agent on the new message, with the model that the settings name."
    )
    if hosts := lab.server.refused_hosts:
        return Failed(
            tried=turn.tried,
            observed=f"Your server tried to reach {hosts[0]}, not the model of the settings.",
            expected=expected + " `shared.models.get_model()` gives it; no key and no address "
            "stands in your code.",
            misconception="model-hard-coded",
        )
    turn.require_no_error()
    if model.calls:
        heard = " | ".join(model.calls[-1].user_texts) or "nothing from the user"
        return Failed(
            tried=turn.tried,
            observed=f"The model was called, but not with this message. It was sent: “{heard[:120]}”.",
            expected=expected,
            misconception="other-message",
        )
    return Failed(
        tried=turn.tried,
        observed="The model was never called. The answer came from elsewhere: "
        f"“{text_of(turn.answers[0])[:60]}”."
        if turn.answers
        else "The model was never called, and no answer came.",
        expected=expected,
        misconception="model-not-called",
    )


@check(
    needs=(check_agent_hears,),
    why="`thread.item.done` is what stores an answer. Without it the words are on the screen and "
    "gone on the next visit.",
    covers=("LO-004",),
)
async def check_answer_is_finished(alice: ChatKit, model: Provider, words: Words) -> None:
    """The agent's answer arrives and is finished with thread.item.done."""
    answer = words.sentence()
    model.reply(lambda call: Say(answer))
    turn = await alice.say(words.sentence())
    turn.require_no_error()
    if not turn.answers:
        came = (
            f"The words streamed (“{turn.streamed_text[:60]}”), but no"
            if turn.streamed_text
            else "No"
        )
        raise Failed(
            tried=turn.tried,
            observed=f"{came} `thread.item.done` came for an assistant message.",
            expected="The answer ends with `thread.item.done`. `stream_agent_response` yields it; "
            "yield every event it gives.",
            misconception="no-done",
        )
    got = [text_of(item).strip() for item in turn.answers]
    if answer not in got:
        raise Failed(
            tried=turn.tried,
            observed=f"The model said “{answer}”; the finished answer is “{got[-1][:90]}”.",
            expected="The finished message holds what the model said.",
            misconception="other-answer",
        )
    if got.count(answer) > 1:
        raise Failed(
            tried=turn.tried,
            observed="The same answer was finished twice, as two messages.",
            expected="One answer is one item.",
            misconception="answer-twice",
        )


@check(
    needs=(check_answer_is_finished,),
    why="A reader who sees the first word after half a second stays. One who looks at nothing for "
    "ten seconds leaves.",
    covers=("LO-005", "SC-003"),
)
async def check_streams(alice: ChatKit, model: Provider, words: Words) -> None:
    """The answer streams: each word is sent on when the model has said it."""
    # Twice, and more patiently the second time: a busy machine is no reason to fail.
    failed = await _lock_step(alice, model, words, LOCK_STEP_SECONDS)
    failed = failed and await _lock_step(alice, model, words, 2 * LOCK_STEP_SECONDS)
    if failed:
        raise failed


async def _lock_step(
    alice: ChatKit, model: Provider, words: Words, patience: float
) -> Failed | None:
    """Let the model say its next word only when the last one has arrived."""
    spoken = [words.word() + " " for _ in range(12)]
    gate = Gate()
    model.forget()
    model.reply(lambda call: Say(spoken, gate))
    async with alice.saying(words.sentence()) as turn:
        await turn.require_stream()
        for number in range(1, len(spoken) + 1):
            gate.allow()
            wanted = "".join(spoken[: max(number - LAG, 0)])
            if not await _arrives(turn, wanted, patience):
                gate.open()
                await turn.read_all()
                said = "the" if not turn.streamed_text else "then the"
                return Failed(
                    tried=f"{turn.tried} Let the model say one word at a time, the next only when "
                    "yours had arrived.",
                    observed=f"The model had said {number} words and none came through. When it was "
                    f"allowed to finish, {said} whole answer came at once.",
                    expected="Each word is sent on as a `text_delta` when it is there. "
                    "`Runner.run_streamed` and `stream_agent_response` do it, if you yield each "
                    "event as it comes and collect nothing.",
                    misconception="buffered",
                )
        gate.open()
        await turn.read_all()
    streamed = {event["item_id"] for event in turn.of_type("thread.item.updated")}
    if not streamed <= {item["id"] for item in turn.finished_items}:
        return Failed(
            tried=turn.tried,
            observed="The words were sent under another item id than the finished message.",
            expected="`added`, each `updated` and `done` carry the id of one item, or a page shows "
            "two messages.",
            misconception="ids-differ",
        )
    return None


async def _arrives(turn: Turn, wanted: str, patience: float) -> bool:
    """Whether so much text is there, or comes within so many seconds."""
    try:
        async with asyncio.timeout(patience):
            while not turn.streamed_text.startswith(wanted):
                if (
                    await turn.read_until(lambda event: event["type"] == "thread.item.updated")
                    is None
                ):
                    return False
    except TimeoutError:
        return False
    return True


@check(
    needs=(check_streams,),
    why="One process serves everybody. While it waits for one answer it must be free for the others.",
    covers=("LO-005",),
)
async def check_two_at_once(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """While one answer is being written, another person gets theirs."""
    slow, quick = words.sentence(), words.sentence()
    first, second = words.sentence(), words.sentence()
    gate = Gate()
    model.reply(lambda call: Say(first, gate) if slow in call.user_texts[-1] else Say(second))
    async with alice.saying(slow) as held:
        await held.require_stream()
        await model.called()
        tried = f"{held.tried} While the model was still thinking, another person sent “{quick}”."
        try:
            turn = await bob.say(quick)
        except Failed as failed:
            raise _not_beside(tried, failed.observed) from None
        gate.open()
        await held.read_all()
    for one, answer in ((turn, second), (held, first)):
        if answer not in [text_of(item).strip() for item in one.answers]:
            who = "second" if one is turn else "first"
            raise _not_beside(tried, f"The {who} person got no answer, or another one.")


def _not_beside(tried: str, observed: str) -> Failed:
    return Failed(
        tried=tried,
        observed=observed,
        expected="Both turns run side by side. While the server waits for a model it must `await`: "
        "a client without `await`, or `time.sleep`, stops everybody.",
        misconception="blocks-everybody",
    )


@check(
    needs=(check_endpoint,),
    why="The history, a reload and the list of conversations are JSON requests to the same address.",
    covers=("LO-006",),
)
async def check_json_operations(alice: ChatKit, words: Words) -> None:
    """Listing threads and items, and opening a thread, answer with JSON."""
    turn = await alice.say(words.sentence())
    thread = turn.thread_id or ""
    found = await alice.ask("threads.get_by_id", thread_id=thread)
    listed = await alice.ask("threads.list", limit=100)
    await alice.ask("items.list", thread_id=thread)
    if found.get("id") != thread or thread not in [one["id"] for one in listed.get("data", [])]:
        raise Failed(
            tried=f"{turn.tried} Then asked for that thread, and for the list of threads.",
            observed=f"The thread `{thread}` was just opened and cannot be found again.",
            expected="The Store that your ChatKitServer was given keeps each thread.",
            misconception="thread-not-kept",
        )


@check(
    needs=(check_answer_is_finished, check_json_operations),
    why="What is not stored did not happen: after a reload, a conversation is what the Store says.",
    covers=("LO-006", "SC-002"),
)
async def check_stored(alice: ChatKit, model: Provider, words: Words) -> None:
    """Three messages and their three answers are stored, in order, each once."""
    said, thread = await _conversation(alice, model, words)
    _compare("Then listed the thread's items.", said, await alice.items(thread))


async def _conversation(
    alice: ChatKit, model: Provider, words: Words
) -> tuple[list[tuple[str, str]], str]:
    """Three turns in one thread. Returns (type, text) of what was said, and the thread."""
    said: list[tuple[str, str]] = []
    thread = None
    for _ in range(3):
        question, answer = words.sentence(), words.sentence()
        model.forget()
        model.reply(lambda call, answer=answer: Say(answer))  # type: ignore[misc]
        turn = await alice.say(question, thread)
        turn.require_no_error()
        thread = thread or turn.thread_id
        said += [("user_message", question), ("assistant_message", answer)]
    return said, thread or ""


def _compare(when: str, said: list[tuple[str, str]], items: list[dict[str, object]]) -> None:
    tried = f"Sent three messages to one thread and read the answers. {when}"
    expected = "Six items in the order of the conversation: question, answer, three times."
    messages = [item for item in items if item["type"] in ("user_message", "assistant_message")]
    stored = [(str(item["type"]), text_of(item).strip()) for item in messages]
    if stored == said:
        return
    missing = [pair for pair in said if pair not in stored]
    answers_lost = [pair for pair in missing if pair[0] == "assistant_message"]
    if answers_lost and len(answers_lost) < 3 and len(missing) == len(answers_lost):
        raise Failed(
            tried=tried,
            observed=f"Of three answers {3 - len(answers_lost)} can be found. Later ones took the "
            "place of earlier ones: their items have the same id.",
            expected=expected + " Each item has an id of its own. (A model that is spoken to over "
            "Chat Completions gives every item the same one; `get_model()` mends that.)",
            misconception="same-item-id",
        )
    if missing:
        kind = "the user's messages" if missing[0][0] == "user_message" else "the answers"
        raise Failed(
            tried=tried,
            observed=f"{len(missing)} of 6 are missing, among them {kind}: {_show(stored)}",
            expected=expected,
            misconception="not-stored",
        )
    if len(stored) > len(said):
        raise Failed(
            tried=tried,
            observed=f"{len(stored)} messages are stored, some twice: {_show(stored)}",
            expected=expected + " ChatKitServer stores what `thread.item.done` carries. Nothing "
            "needs to store it again.",
            misconception="stored-twice",
        )
    raise Failed(
        tried=tried,
        observed=f"They are stored in another order: {_show(stored)}",
        expected=expected,
        misconception="stored-in-disorder",
    )


def _show(stored: list[tuple[str, str]]) -> str:
    short = {"user_message": "question", "assistant_message": "answer"}
    return ", ".join(f"{short[kind]} “{text[:16]}…”" for kind, text in stored) or "nothing"


@check(
    needs=(check_stored,),
    why="Servers are restarted every day. People expect their conversation to be there afterwards.",
    covers=("LO-006", "SC-002"),
)
async def check_survives_a_restart(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The conversation is still there after the server was stopped and started."""
    said, thread = await _conversation(alice, model, words)
    await lab.server.restart()
    again = await lab.person("alice")
    try:
        items = await again.items(thread)
        await again.ask("threads.get_by_id", thread_id=thread)
    except Failed as failed:
        raise _forgotten(failed.observed) from None
    if not items:
        raise _forgotten("The thread is empty.")
    _compare("Then stopped the server, started it, and listed the items.", said, items)


def _forgotten(observed: str) -> Failed:
    return Failed(
        tried="Sent three messages. Then stopped the server, started it, and opened the thread.",
        observed=observed,
        expected="The thread is there as before. It lies in the file that the settings name "
        "(`get_settings().database`), not in the memory of the process.",
        misconception="kept-in-memory",
    )


@check(
    needs=(check_answer_is_finished, check_json_operations),
    why="Two conversations are two notebooks. What one person says must not be read out to another.",
    covers=("LO-004",),
)
async def check_threads_apart(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """Two conversations stay apart, in the Store and before the model."""
    secret, other = words.sentence(), words.sentence()
    first = await alice.say(secret)
    model.forget()
    second = await bob.say(other)
    tried = f"Sent “{secret}” to one thread and “{other}” to another."
    if any(secret in text for call in model.calls for _, text in call.messages):
        raise Failed(
            tried=tried,
            observed="Before the second answer the model was sent the first conversation too.",
            expected="The model is sent what belongs to this thread. Nothing is kept in a variable "
            "that all conversations share.",
            misconception="shared-history",
        )
    if first.thread_id == second.thread_id:
        raise Failed(
            tried=tried,
            observed=f"Both got the same thread, `{first.thread_id}`.",
            expected="`threads.create` makes a new thread with a new id.",
            misconception="one-thread",
        )
    items = await bob.items(second.thread_id or "")
    if any(secret in text_of(item) for item in items if "content" in item):
        raise Failed(
            tried=tried + " Then listed the items of the second.",
            observed="They hold the message of the first.",
            expected="A thread holds its own items only.",
            misconception="one-thread",
        )


@check(
    needs=(check_answer_is_finished,),
    why="A tool acts for somebody. Without the context it cannot know for whom.",
    covers=("SC-002",),
)
async def check_tools_know_the_user(
    alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """The agent's tools run, and act for the person who spoke."""
    title, done = words.word(), words.sentence()

    def rule(call: Call) -> Reply | None:
        asked = next((text for text in reversed(call.user_texts)), "")
        if call.tool_outputs:
            return Say(done)
        if "create" in asked:
            return CallTools([ToolUse("create_task", {"title": title})])
        return CallTools([ToolUse("list_tasks", {})])

    await alice.say(words.sentence())
    offered = model.calls[-1].tool_names if model.calls else []
    if not {"create_task", "list_tasks"} <= set(offered):
        raise NotJudged("Your agent brings its own tools, or none, and not the Task Manager's.")
    model.reply(rule)
    created = await alice.say("Please create a task.")
    tried = f"{created.tried} The model called `create_task`, then for the list `list_tasks`."
    for turn in (created, await alice.say("Please list them.")):
        if turn.of_type("error") or not turn.answers:
            raise Failed(
                tried=tried,
                observed="The tool could not run, and the turn ended without an answer.",
                expected="`Runner.run_streamed(…, context=agent_context)` hands your AgentContext to "
                "every tool; `request_context` in it says who is speaking.",
                misconception="no-context",
            )
    hers = model.calls[-1].tool_outputs[-1].output
    await bob.say("Please list them.")
    his = model.calls[-1].tool_outputs[-1].output
    if title not in hers or title in his:
        raise Failed(
            tried=f"{tried} Then another person asked for their list.",
            observed=f"Her list: “{hers.strip()[:80]}”. His list: “{his.strip()[:80]}”.",
            expected=f"The task “{title}” is on the list of the person who created it, and on no "
            "other. The request context that the endpoint hands you goes into the AgentContext.",
            misconception="context-not-passed",
        )


@check(
    needs=(check_json_operations,),
    core=False,
    why="A client that is told the truth can act on it. “Server error” helps nobody.",
)
async def check_refusals(alice: ChatKit, words: Words) -> None:
    """Requests that make no sense are refused with the right status."""
    nowhere = {"thread_id": f"thr_{words.word()}"}
    message = {
        "content": [{"type": "input_text", "text": words.sentence()}],
        "attachments": [],
        "inference_options": {},
    }
    cases: list[tuple[str, object, set[int]]] = [
        ("a body that is no JSON", b'{"type": ', {400, 422}),
        ("an unknown operation", {"type": "threads.explode", "params": {}}, {400, 422}),
        ("a thread that is not there", {"type": "threads.get_by_id", "params": nowhere}, {404}),
        (
            "a message to a thread that is not there",
            {"type": "threads.add_user_message", "params": {**nowhere, "input": message}},
            {404},
        ),
    ]
    for what, body, allowed in cases:
        try:
            status = str((await alice.post(body)).status_code)
        except Exception as error:  # whatever broke the connection
            status = f"a broken connection ({type(error).__name__})"
        if status not in {str(code) for code in allowed}:
            raise Failed(
                tried=f"Sent {what}.",
                observed=f"The answer was {status}.",
                expected=f"Status {' or '.join(map(str, sorted(allowed)))}, before any stream. "
                "`chatkit_router` does it.",
                misconception="refusals",
            )
