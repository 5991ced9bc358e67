"""What lesson 2 asks for, tried from outside over HTTP.

The model is the provider's double, so each check knows which words it let the model say. Nothing
here looks at how the work is written.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from checkpoints.engine.client import ChatKit, Turn, text_of
from checkpoints.engine.conversation import compare, converse, messages_in
from checkpoints.engine.lockstep import require_streaming
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Call, CallTools, Gate, Provider, Reply, Say, ToolUse
from checkpoints.engine.verdict import Failed, NotJudged, check
from checkpoints.engine.words import Words

HELD = 4  # people whose answers stand still while another one asks
TURNS = 11  # more items than the 20 of one page


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
    why="The history, a reload and the list of conversations are JSON requests to the same address.",
    covers=("LO-006",),
)
async def check_json_operations(alice: ChatKit, words: Words) -> None:
    """Listing threads and items, and opening a thread, answer with JSON."""
    before = await _thread_ids(alice)
    turn = await alice.say(words.sentence())
    thread = turn.thread_id or ""
    found = await alice.ask("threads.get_by_id", thread_id=thread)
    await alice.ask("items.list", thread_id=thread)
    new = await _thread_ids(alice) - before
    if found.get("id") != thread or thread not in new:
        raise Failed(
            tried=f"{turn.tried} Then asked for that thread, and for the list of threads.",
            observed=f"The thread `{thread}` was just opened and cannot be found again.",
            expected="The Store that your ChatKitServer was given keeps each thread.",
            misconception="thread-not-kept",
        )
    if len(new) > 1:
        raise Failed(
            tried=f"{turn.tried} Then asked for the list of threads.",
            observed=f"One conversation was begun, and the list has {len(new)} more.",
            expected="ChatKitServer has opened and stored the thread before `respond()` is called.",
            misconception="thread-twice",
        )


async def _thread_ids(person: ChatKit) -> set[str]:
    """The ids of the newest 100 threads."""
    page = await person.ask("threads.list", limit=100)
    return {thread["id"] for thread in page.get("data", [])}


@check(
    needs=(check_endpoint,),
    why="An answer that does not come from the model is no agent; a message sent twice costs twice "
    "and confuses the model.",
    covers=("LO-004", "SC-002"),
)
async def check_agent_hears(alice: ChatKit, model: Provider, words: Words, lab: Lab) -> None:
    """Your agent gets each message, once."""
    thread = None
    for text in (words.sentence(), f"{words.choice('Hello', 'Hi', 'Thanks', 'Good morning')}!"):
        model.forget()
        turn = await alice.say(text, thread)
        thread = thread or turn.thread_id
        calls = [call for call in model.calls if text in _last(call)]
        if not calls:
            raise _never_heard(turn, model, lab)
        for call in calls:
            _heard_once(turn, call, text)
        turn.require_no_error()


def _last(call: Call) -> str:
    return call.user_texts[-1] if call.user_texts else ""


def _heard_once(turn: Turn, call: Call, text: str) -> None:
    heard = [said for said in call.user_texts if text in said]
    times = sum(said.count(text) for said in heard)
    if times > 1:
        raise Failed(
            tried=turn.tried,
            observed=f"The model was sent the same message {times} times in one call.",
            expected="The new message reaches the model once. It is already stored when "
            "`respond()` begins. If you load the thread's items, it is among them: do not add it again.",
            misconception="message-twice",
        )
    if any(sign in heard[0] for sign in ("inference_options=", "UserMessageTextContent(")):
        raise Failed(
            tried=turn.tried,
            observed=f"The model was sent the Python object, not its text: “{heard[0][:90]}…”.",
            expected=f"The model is sent the text “{text}”. `simple_to_agent_input` turns an "
            "item into what the Agents SDK takes.",
            misconception="object-not-text",
        )


def _never_heard(turn: Turn, model: Provider, lab: Lab) -> Failed:
    """Why the message is in no call to the model."""
    expected = (
        "`respond()` runs your agent on the new message, with the model that the settings name."
    )
    if hosts := lab.server.refused_hosts:
        return Failed(
            tried=turn.tried,
            observed=f"Your server tried to reach {hosts[0]}, not the model of the settings.",
            expected=f"{expected} `shared.models.get_model()` gives it; keep keys and addresses "
            "out of your code.",
            misconception="model-hard-coded",
        )
    turn.require_no_error()
    if model.calls:
        heard = " | ".join(model.calls[-1].user_texts) or "nothing from the user"
        return Failed(
            tried=turn.tried,
            observed="The model was called, but not with this message at the end. It was sent: "
            f"“{heard[:120]}”.",
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
    word = words.word()
    answer = (
        f"{words.sentence()}\n\n- {word} {word} {word}\n- two  blanks, `code`\n\n{words.sentence()}"
    )
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
            observed=f"The model said “{answer}”; the finished answer is “{got[-1][:120]}”.",
            expected="The finished message holds what the model said, blanks and line breaks too.",
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
    why="People paste programs, lists and whole letters. What is changed on the way is answered "
    "wrongly, and nobody sees why.",
    covers=("LO-004",),
)
async def check_message_unchanged(alice: ChatKit, model: Provider, words: Words) -> None:
    """A long message with line breaks and special characters reaches the agent unchanged."""
    lines = [
        f"{words.sentence()}  Two  spaces",
        '\t"{0}" {name} {{x}} %s <b>&amp;</b>',
        "é 你好 🙂",
    ]
    text = "\n".join([*lines, *(words.sentence(12) for _ in range(60)), words.word()])
    turn = await alice.say(text)
    turn.tried = f"Sent a message of {len(text):,} characters, with line breaks, braces and quotes."
    turn.require_no_error()
    if any(text in heard for call in model.calls for heard in call.user_texts):
        return
    heard = max((_last(call) for call in model.calls), key=len, default="")
    same = next(
        (n for n, pair in enumerate(zip(text, heard, strict=False)) if len(set(pair)) > 1),
        len(heard),
    )
    raise Failed(
        tried=turn.tried,
        observed=f"The model was sent {len(heard):,} characters. The first that differs is number "
        f"{same + 1}: “{text[max(same - 12, 0) : same + 12]}” became "
        f"“{heard[max(same - 12, 0) : same + 12]}”.",
        expected="The model is sent what the person wrote: nothing cut off, cleaned, escaped or "
        "put through a template.",
        misconception="message-changed",
    )


@check(
    needs=(check_answer_is_finished,),
    why="A reader who sees the first word after half a second may stay. One who looks at nothing for "
    "ten seconds may leave.",
    covers=("LO-005", "SC-003"),
)
async def check_streams(alice: ChatKit, model: Provider, words: Words) -> None:
    """The answer streams: each word is sent on when the model has said it."""
    await require_streaming(alice, model, words)


@check(
    needs=(check_streams, check_json_operations),
    why="One process serves everybody. While it waits for one answer it must be free for the others.",
    covers=("LO-005",),
)
async def check_two_at_once(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """While one answer is being written, another person gets theirs."""
    slow, quick = [words.sentence() for _ in range(HELD)], words.sentence()
    answers = {question: words.sentence() for question in [*slow, quick]}
    gate = Gate()

    def rule(call: Call) -> Reply | None:
        for question, answer in answers.items():
            if question in _last(call):
                return Say(answer, None if question == quick else gate)
        return None

    model.reply(rule)
    tried = f"{HELD} people asked. While the model was still thinking, another one sent “{quick}”."
    async with AsyncExitStack() as stack:
        held = [await stack.enter_async_context(alice.saying(question)) for question in slow]
        try:
            for turn in held:
                await turn.require_stream()
            turns = [await bob.say(quick)]
        except Failed as failed:
            raise _not_beside(tried, failed.observed) from None
        gate.open()
        for turn in held:
            await turn.read_all()
    for question, turn in zip([*slow, quick], [*held, *turns], strict=True):
        if answers[question] not in [text_of(item).strip() for item in turn.answers]:
            raise _not_beside(tried, "One of them got no answer, or another one's.")
    for person, question, turn in ((alice, slow[0], held[0]), (bob, quick, turns[0])):
        items = await person.items(turn.thread_id or "")
        stored = {text_of(item).strip() for item in items if "content" in item} - {""}
        if not {question, answers[question]} <= stored or stored & set(slow[1:]):
            raise _not_beside(tried, "Afterwards a thread holds what was said in another one.")


def _not_beside(tried: str, observed: str) -> Failed:
    return Failed(
        tried=tried,
        observed=observed,
        expected="All turns run side by side, and each keeps to itself. While the server waits for a "
        "model it must `await`: a lock, a client without `await`, or `time.sleep` stops everybody.",
        misconception="not-side-by-side",
    )


@check(
    needs=(check_answer_is_finished, check_json_operations),
    why="What is not stored did not happen: after a reload, a conversation is what the Store says.",
    covers=("LO-006", "SC-002"),
)
async def check_stored(alice: ChatKit, model: Provider, words: Words) -> None:
    """Each message and each answer is stored, in order, once."""
    said, thread = await converse(alice, model, words, turns=TURNS)
    compare("Then listed the thread's items.", said, await alice.items(thread))


@check(
    needs=(check_stored,),
    why="Servers are restarted every day. People expect their conversation to be there afterwards.",
    covers=("LO-006", "SC-002"),
)
async def check_survives_a_restart(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The conversations are still there after the server was stopped and started."""
    page = await alice.ask("threads.list", limit=100)
    newest, oldest = page["data"][0]["id"], page["data"][-1]["id"]
    before = {thread: messages_in(await alice.items(thread)) for thread in (newest, oldest)}
    await lab.server.restart()
    again = await lab.person("alice")
    for thread, said in before.items():
        try:
            await again.ask("threads.get_by_id", thread_id=thread)
            found = messages_in(await again.items(thread))
        except Failed as failed:
            raise _forgotten(failed.observed) from None
        if found != said:
            raise _forgotten(f"Of {len(said)} messages of a thread {len(found)} are there.")
    # Ids that count from one with each process meet the first ones again.
    more, _ = await converse(again, model, words, turns=1, thread=oldest)
    when = "Before the last one the server was stopped and started."
    compare(when, before[oldest] + more, await again.items(oldest))


def _forgotten(observed: str) -> Failed:
    return Failed(
        tried="Stopped the server, started it, and opened the threads that were there before.",
        observed=observed,
        expected="The threads are there as before. They lie in the file that the settings name "
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
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """The agent's tools run, and act for the person who spoke."""
    tools, done = {"create_task", "list_tasks"}, words.sentence()

    def rule(call: Call) -> Reply | None:
        if call.tool_outputs or not tools <= set(call.tool_names):
            return Say(done)
        if "create" in _last(call):
            return CallTools([ToolUse("create_task", {"title": _last(call).split()[-1]})])
        return CallTools([ToolUse("list_tasks", {})])

    await alice.say(words.sentence())
    if not any(tools <= set(call.tool_names) for call in model.calls):
        raise NotJudged("Your agent brings its own tools, or none, and not the Task Manager's.")
    model.reply(rule)
    people = [alice, bob, *[await lab.person(words.word()) for _ in range(2)]]
    titles = [words.word() for _ in people]
    asked = [f"Please create {title}" for title in titles]
    turns = await asyncio.gather(*(map(ChatKit.say, people, asked)))
    tried = f"{len(people)} people sent “Please create …” at the same time, each with another word. The "
    tried += "model called `create_task` for each, then for their lists `list_tasks`."
    for turn in turns:
        if turn.of_type("error") or not turn.answers:
            raise Failed(
                tried=tried,
                observed="The tool could not run, and the turn ended without an answer.",
                expected="`Runner.run_streamed(…, context=agent_context)` hands your AgentContext to "
                "every tool; `request_context` in it says who is speaking.",
                misconception="no-context",
            )
    for person, title in zip(people, titles, strict=True):
        model.calls.clear()
        await person.say("Please list them.")
        listed = next(
            (call.tool_outputs[-1].output for call in model.calls if call.tool_outputs), ""
        )
        if [one for one in titles if one in listed] != [title]:
            raise Failed(
                tried=tried,
                observed=f"The person who created “{title}” has this list: “{listed.strip()[:120]}”.",
                expected="A task is on the list of the person who created it, and on no other. The "
                "request context that `respond()` is given goes into an AgentContext of this turn.",
                misconception="context-not-passed",
            )
