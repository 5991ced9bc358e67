"""What lesson 3 asks for, tried from outside over HTTP.

The model says a word when the check permits it, and the server's clock moves when the check moves
it. So an answer or a slow tool stands still in the middle for as long as something happens to it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from checkpoints.engine.client import ChatKit, Turn, text_of
from checkpoints.engine.conversation import Said, compare, converse, messages_in, show
from checkpoints.engine.documents import (
    DOCUMENTS,
    OPEN_POINTS,
    TOOL,
    Analysis,
    not_analysed,
    require_all_reported,
    require_progress,
    require_stopped,
    tool_turn,
)
from checkpoints.engine.lockstep import PATIENCE_SECONDS, eventually, poll, require_streaming
from checkpoints.engine.midway import (
    Answer,
    Midway,
    Script,
    long_answer,
    midway,
    one_answer,
    until_it_stands,
)
from checkpoints.engine.partial import beside, require_partial
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Call, Gate, Provider, Say
from checkpoints.engine.stalled import stalled_reader
from checkpoints.engine.verdict import Failed, check, short
from checkpoints.engine.words import Words
from checkpoints.L03.evaluation import require_evaluation

STOP_SECONDS = 2 * PATIENCE_SECONDS
ROW = 3  # messages that are sent in a row


@check(why="Everything else needs a server that runs.", keeps=True)
async def check_starts(lab: Lab) -> None:
    """Your app starts."""


@check(
    needs=(check_starts,),
    why="Lesson 2's server answers word by word, keeps what was said, and serves several people at "
    "once. All of that goes on.",
    covers=("SC-003",),
    keeps=True,
)
async def check_still_works(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """Answers still stream, are stored in order, and do not wait for one another."""
    await require_streaming(alice, model, words)
    said, thread = await converse(alice, model, words, turns=2)
    compare("Then listed the thread's items.", said, await alice.items(thread))
    script = Script(model)
    question, answer = one_answer(words, script)
    async with midway(alice, script, words) as slow:
        tried = f"{slow.turn.tried} In the middle of the answer bob sent “{question}”."
        try:
            quick = await bob.say(question)
        except Failed as failed:
            raise _not_beside(tried, failed.observed) from None
        await _require_goes_on(slow, tried)
    if not _answered(quick, answer):
        raise _not_beside(tried, "Bob got no answer, or another one's.")


def _answered(turn: Turn, answer: str) -> bool:
    return answer.strip() in [text_of(item).strip() for item in turn.answers]


async def _require_goes_on(held: Midway, tried: str) -> None:
    """The answer that stood still comes to its end, whole."""
    held.gate.open()
    await held.turn.read_all()
    if not _answered(held.turn, held.text):
        raise _not_beside(tried, "The answer that was on its way did not come to its end.")


def _not_beside(tried: str, observed: str) -> Failed:
    return Failed(
        tried=tried,
        observed=observed,
        expected="Both turns run side by side. A message stops what is being answered in its own "
        "thread, and nothing else; and nobody waits for another person's answer.",
        misconception="not-side-by-side",
    )


# Progress


@check(
    needs=(check_still_works,),
    why="Ten seconds in front of nothing look like a broken program. Ten seconds with “15 of 50” "
    "look like work.",
    covers=("LO-007", "SC-003"),
)
async def check_progress(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """While the tool works, it says before each document which one it is, and of how many."""
    script, analysis = Script(model), Analysis(lab.server)
    async with alice.saying(tool_turn(words, script)) as turn:
        await turn.require_stream()
        turn.tried += f" The model called `{TOOL}`. The clock moved on document by document."
        for number in range(1, DOCUMENTS + 1):
            if not await analysis.reaches(number, turn):
                raise not_analysed(turn, model, analysis)
            await require_progress(turn, number)
            await analysis.next_document(alice)
        await turn.read_all()
    turn.require_no_error()
    require_all_reported(turn)


@check(
    needs=(check_progress,),
    why="Progress is not the result. The model needs what the tool has found, to answer with it.",
    covers=("LO-007",),
)
async def check_tool_answers(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """What the tool finds reaches the model, and the answer is stored."""
    script, analysis, answer = Script(model), Analysis(lab.server), words.sentence()
    question = tool_turn(words, script, answer)
    async with alice.saying(question) as turn:
        await turn.require_stream()
        turn.tried += f" The model called `{TOOL}`, and waited for what it returns."
        for number in range(1, DOCUMENTS + 1):
            if not await analysis.reaches(number, turn):
                raise not_analysed(turn, model, analysis)
            await analysis.next_document(alice)
        await turn.read_all()
    turn.require_no_error()
    outputs = [out.output for call in script.calls_for(question) for out in call.tool_outputs]
    if not any(point in output for output in outputs for point in OPEN_POINTS):
        raise Failed(
            tried=turn.tried,
            observed=f"The tool returned “{short(outputs[-1], 80)}”, and none of the open points that "
            "`analyse()` had found."
            if outputs
            else "The model was never told what the tool had found.",
            expected="The tool returns the open points of all documents as a text. What it returns is "
            "sent to the model.",
            misconception="result-lost",
        )
    said = [("user_message", question), ("assistant_message", answer)]
    compare("The agent used its tool.", said, await alice.items(turn.thread_id or ""))


# Interruption


@check(
    needs=(check_still_works,),
    why="“No, I meant the other one!” Nobody wants to wait for the end of a wrong answer, nor to pay "
    "for it.",
    covers=("LO-008", "SC-003"),
)
async def check_interrupts(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """A new message in the thread ends the answer on its way: stream, model and all."""
    script = Script(model)
    question, answer = one_answer(words, script)
    async with midway(alice, script, words) as old:
        turn = await _instead(lab, old, question)
        if not _answered(turn, answer):
            turn.require_no_error()
            raise Failed(
                tried=turn.tried,
                observed="The new message got no answer: its stream ended without one.",
                expected="The old turn ends and the new one runs. The person wants the newer answer.",
                misconception="newer-cancelled",
            )
        if not await eventually(old.stopped):
            raise await _still_running(old, turn.tried)
        if not await eventually(old.turn.over):
            raise Failed(
                tried=turn.tried,
                observed="The old answer's model was stopped, but its stream stays open and says "
                "nothing.",
                expected="Where a turn ends, its stream ends. Else the page waits for ever.",
                misconception="old-stream-hangs",
            )


async def _instead(lab: Lab, old: Midway, question: str) -> Turn:
    """The new message, from another connection, and its turn to the end."""
    tried = f"{old.turn.tried} In the middle of the answer sent “{question}” to the same thread."
    again = await lab.person("alice")
    try:
        turn = await again.say(question, old.thread)
    except Failed as failed:
        raise Failed(
            tried=tried,
            observed=f"{failed.observed} The old answer stood still in the middle.",
            expected="A new message does not wait for the old answer, and is not refused: it ends the "
            "old turn and is answered.",
            misconception="no-new-answer",
        ) from None
    turn.tried = tried
    return turn


async def _still_running(old: Midway, tried: str) -> Failed:
    """What goes on of a turn that should have ended."""
    shown = old.turn.streamed_text
    over = old.turn.over()
    old.gate.open()
    await eventually(lambda: old.turn.over() or old.turn.streamed_text != shown)
    if not over and old.turn.streamed_text != shown:
        return Failed(
            tried=tried,
            observed="The old answer went on being written beside the new one.",
            expected="A new message in a thread ends the turn that runs there. ChatKitServer does not "
            "do it by itself.",
            misconception="both-run",
        )
    return Failed(
        tried=tried,
        observed="The old stream was ended, but the model went on writing the old answer.",
        expected="The agent's run is a task of its own. It ends with `result.cancel()`, in a `finally` "
        "around the loop in `respond()`.",
        misconception="model-goes-on",
    )


@check(
    needs=(check_interrupts,),
    why="A person may have several conversations, and there are other people. Each has a right to "
    "their answer.",
    covers=("LO-008",),
)
async def check_others_go_on(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """An interruption ends no answer in another thread, be it one's own or another person's."""
    script = Script(model)
    question, _ = one_answer(words, script)
    async with (
        midway(alice, script, words) as own,
        midway(bob, script, words) as others,
        midway(alice, script, words) as old,
    ):
        await _instead(lab, old, question)
        for held, whose in ((own, "her own"), (others, "bob's")):
            held.gate.open()
            await eventually(held.turn.over)
            if not _answered(held.turn, held.text):
                raise Failed(
                    tried="Alice had two answers on their way in two threads, bob one. She sent "
                    f"“{question}” to one of hers.",
                    observed=f"The answer in another thread, {whose}, did not come to its end.",
                    expected="A message ends the turn of its own thread. Turns are kept by thread id, "
                    "not by user and not one for all.",
                    misconception="others-stopped",
                )


@check(
    needs=(check_interrupts,),
    why="What was read was said. An answer that vanishes when it is interrupted leaves a question "
    "without an answer, and an agent that does not know what it said.",
    covers=("LO-008", "SC-003"),
)
async def check_partial_is_kept(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The interrupted answer is stored as far as it came, before the new message."""
    script = Script(model)
    question, answer = one_answer(words, script)
    after = [("user_message", question), ("assistant_message", answer)]
    async with midway(alice, script, words) as old:
        tried = (await _instead(lab, old, question)).tried + " Then opened the thread."
        stored = messages_in(await alice.items(old.thread))
        require_partial(tried, old, stored, after=after)
        opened = await alice.ask("threads.get_by_id", thread_id=old.thread)
    if messages_in(opened.get("items", {}).get("data", [])) != stored:
        raise Failed(
            tried=tried,
            observed="`threads.get_by_id` shows other messages than `items.list`.",
            expected="Both show what is stored.",
            misconception="thread-does-not-open",
        )


# Stop


@check(
    needs=(check_partial_is_kept,),
    why="Who presses Stop, or closes the page, has read enough. What goes on after that is paid for "
    "and read by nobody.",
    covers=("LO-008", "SC-003"),
)
async def check_stop_stops(alice: ChatKit, model: Provider, words: Words) -> None:
    """A closed connection stops the answer, and what was said is kept."""
    script = Script(model)
    async with midway(alice, script, words) as old:
        tried = f"{old.turn.tried} In the middle of the answer closed the connection."
    await _require_stopped(alice, old, tried)
    question, answer = one_answer(words, script)
    turn = await alice.say(question, old.thread)
    turn.require_no_error()
    require_partial(
        f"{tried} Then sent another message.",
        old,
        messages_in(await alice.items(old.thread)),
        after=[("user_message", question), ("assistant_message", answer)],
    )


async def _require_stopped(alice: ChatKit, old: Answer, tried: str) -> None:
    """The model was stopped, and before long what it had said is stored."""
    if not await eventually(old.stopped):
        raise Failed(
            tried=tried,
            observed="The model goes on: it still waits to say its next word.",
            expected="When nobody reads any more, the turn is stopped, and with it the agent's run.",
            misconception="stop-does-not-stop",
        )

    async def stored() -> Said:
        messages = messages_in(await alice.items(old.thread))
        return messages[messages.index(("user_message", old.question)) :]

    found, _ = await poll(stored, lambda messages: len(messages) > 1, PATIENCE_SECONDS)
    require_partial(tried, old, found)


@check(
    needs=(check_stop_stops,),
    why="“Go on” after a stop makes sense only to an agent that knows how far it came and that it was "
    "stopped.",
    covers=("LO-008",),
)
async def check_agent_is_told(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """In the next turn the agent sees its unfinished answer, and that it was cut."""
    script = Script(model)
    always = await _always(alice, script, words)
    question, answer = one_answer(words, script)
    async with midway(alice, script, words) as old:
        tried = (await _instead(lab, old, question)).tried
    partial = messages_in(await alice.items(old.thread))[1][1]
    _require_told(script.calls_for(question)[0], old, partial, [question, answer], always, tried)
    question, answer = one_answer(words, script)
    async with midway(alice, script, words) as old:
        tried = f"{old.turn.tried} In the middle of the answer closed the connection."
    await _require_stopped(alice, old, tried)
    partial = messages_in(await alice.items(old.thread))[1][1]
    await alice.say(question, old.thread)
    tried = f"{tried} Then sent “{question}”."
    _require_told(script.calls_for(question)[0], old, partial, [question, answer], always, tried)


async def _always(alice: ChatKit, script: Script, words: Words) -> set[str]:
    """What the model is sent beside the conversation after an answer that was not cut."""
    usual = [*one_answer(words, script), *one_answer(words, script)]
    thread = (await alice.say(usual[0])).thread_id
    await alice.say(usual[2], thread)
    return beside(script.calls_for(usual[2])[0], *usual)


def _require_told(
    call: Call, old: Answer, partial: str, said: list[str], always: set[str], tried: str
) -> None:
    """The call holds the partial answer, and words beside it that other calls do not hold."""
    if not any(partial in text for _, text in call.messages):
        raise Failed(
            tried=tried,
            observed="The model was sent nothing of the answer that was interrupted.",
            expected="With the new message the model is sent the partial answer and the note behind "
            "it. To store both takes a moment, in which nobody may cancel it.",
            misconception="partial-not-sent",
        )
    told = beside(call, old.question, partial, *said) - always
    if not any(re.search(r"[^\W\d_]{2}", text) for text in told):
        raise Failed(
            tried=f"{tried} Compared what the model was sent with a turn after a whole answer.",
            observed="The partial answer was there, and nothing said that it was cut.",
            expected="After an interrupted answer the model is told so, and only then. ChatKitServer "
            "stores a hidden note behind the partial answer: load it and send it too.",
            misconception="not-told",
        )


@check(
    needs=(check_progress, check_stop_stops),
    why="A tool that nobody waits for any more still costs money, and may still send the mail.",
    covers=("LO-008",),
)
async def check_tool_stops(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """An interruption and a closed connection stop the agent's tool too."""
    script = Script(model)
    question, answer = one_answer(words, script)
    again = await lab.person("alice")
    thread = None
    for leaves in (False, True):
        analysis = Analysis(lab.server)
        async with alice.saying(tool_turn(words, script), thread) as turn:
            await turn.require_stream()
            turn.tried += f" The model called `{TOOL}`."
            for number in (1, 2):
                if not await analysis.reaches(number, turn):
                    raise not_analysed(turn, model, analysis)
                if number == 1:
                    await analysis.next_document(again)
            thread = thread or turn.thread_id
            if leaves:
                turn.tried += " In the middle of its work closed the connection."
            else:
                turn.tried += f" In the middle of its work sent “{question}” to the same thread."
                await _require_answer(again, thread, question, answer, turn.tried)
        try:
            await require_stopped(turn, analysis, again)
        except Failed:
            lab.server.process.kill()  # or the tool goes on through the next checks
            raise
    await _require_answer(again, thread, question, answer, turn.tried)


async def _require_answer(
    person: ChatKit, thread: str | None, question: str, answer: str, tried: str
) -> None:
    """A message to the thread is answered."""
    observed = "The new message got no answer."
    try:
        if _answered(await person.say(question, thread), answer):
            return
    except Failed as failed:
        observed = failed.observed
    raise Failed(
        tried=tried,
        observed=observed,
        expected="A new message ends the old turn and is answered, wherever the old turn stands: in "
        "a tool, or in front of a reader who takes no more.",
        misconception="no-new-answer",
    )


# The hard cases


@check(
    needs=(check_stop_stops,),
    why="People send three short messages in a row. Each is meant.",
    covers=("LO-008",),
)
async def check_rapid_messages(alice: ChatKit, model: Provider, words: Words) -> None:
    """Of several messages in a row each is stored, and the last one is answered."""
    script = Script(model)
    async with midway(alice, script, words) as old:
        tried = (
            f"{old.turn.tried} In the middle of the answer sent {ROW} more, one after the other."
        )
        await _one_after_the_other(alice, script, words, old, tried)
        thread = old.thread
    async with midway(alice, script, words, thread) as old:
        tried = f"{old.turn.tried} In the middle of the answer sent {ROW} more at the same moment."
        await _at_the_same_moment(alice, script, words, old, tried)


async def _one_after_the_other(
    alice: ChatKit, script: Script, words: Words, old: Midway, tried: str
) -> None:
    """Each message is stored, and its answer has not begun, when the next one is sent."""
    questions, turns = [words.sentence() for _ in range(ROW - 1)], [old.turn]
    last, answer = one_answer(words, script)
    async with AsyncExitStack() as stack:
        for question in questions:
            script.answer(question, Say(words.sentence(), Gate()))
            turns.append(await stack.enter_async_context(alice.saying(question, old.thread)))
            await _require_users(alice, old.thread, {question}, tried)
        turns.append(await stack.enter_async_context(alice.saying(last, old.thread)))
        await _require_ended(turns, tried)
    stored = [pair for pair in messages_in(await alice.items(old.thread)) if pair[1]]
    wanted = [("user_message", text) for text in (old.question, *questions, last)]
    wanted.insert(1, ("assistant_message", old.said.strip()))
    wanted.append(("assistant_message", answer))
    if stored != wanted:
        raise _not_one_by_one(tried, stored)


async def _at_the_same_moment(
    alice: ChatKit, script: Script, words: Words, old: Midway, tried: str
) -> None:
    """Nobody can say which comes last; but only one does, and that one is answered."""
    answers, gate = {words.sentence(): words.sentence() for _ in range(ROW)}, Gate()
    for question, answer in answers.items():
        script.answer(question, Say(answer, gate))
    async with AsyncExitStack() as stack:
        sending = [stack.enter_async_context(alice.saying(text, old.thread)) for text in answers]
        turns = [old.turn, *await asyncio.gather(*sending)]
        await _require_users(alice, old.thread, set(answers), tried)
        gate.open()
        await _require_ended(turns, tried)
    stored = [pair for pair in messages_in(await alice.items(old.thread)) if pair[1]]
    begin = stored.index(("user_message", old.question))
    users = [text for kind, text in stored[begin + 1 :] if kind == "user_message"]
    wanted = [("user_message", text) for text in users]
    wanted.insert(0, ("user_message", old.question))
    wanted.insert(1, ("assistant_message", old.said.strip()))
    wanted.append(("assistant_message", answers[users[-1]]))
    if len(users) != ROW or stored[begin:] != wanted:
        raise _not_one_by_one(tried, stored[begin:])


async def _require_users(alice: ChatKit, thread: str, sent: set[str], tried: str) -> None:
    """Wait until these messages are stored."""

    async def stored() -> set[str]:
        messages = messages_in(await alice.items(thread))
        return {text for kind, text in messages if kind == "user_message"}

    found, all_there = await poll(stored, sent.issubset, STOP_SECONDS)
    if not all_there:
        raise Failed(
            tried=tried,
            observed=f"Of the messages sent {len(sent - found)} cannot be found in the thread.",
            expected="Whatever a person has sent is stored, though the next message ends its turn: a "
            "turn is stopped only when its message is stored.",
            misconception="message-lost",
        )


async def _require_ended(turns: list[Turn], tried: str) -> None:
    """Every stream comes to its end."""
    if not await eventually(lambda: all(turn.over() for turn in turns)):
        raise Failed(
            tried=tried,
            observed="One of the streams did not end.",
            expected="Each turn ends, the stopped ones too, and no two wait for each other.",
            misconception="hanging-stream",
        )


def _not_one_by_one(tried: str, stored: Said) -> Failed:
    return Failed(
        tried=tried,
        observed=f"Stored is: {show(stored)}.",
        expected="Every message is stored once and in order, and the last one is answered. Two turns "
        "never run at once in one thread: when the wait for the old turn is over, look again whether "
        "another one has begun meanwhile.",
        misconception="two-at-once",
    )


@check(
    needs=(check_stop_stops,),
    why="A train drives into a tunnel: the connection is there, and nobody reads. The answer must not "
    "hang on it.",
    covers=("LO-008",),
)
async def check_stalled_reader(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """A reader who has stopped reading can be interrupted, and can leave."""
    lab.server.keep_little_for_readers()
    script, again = Script(model), await lab.person("alice")
    for leaves in (False, True):
        thread = (await again.say(words.sentence())).thread_id or ""
        old = long_answer(script, words, thread)
        tried = (
            f"Sent “{old.question}”, read the first word, and then no more, while the model said "
        )
        tried += f"{len(old.text) // 1000} kB. Then " + (
            "closed the connection." if leaves else "sent another message."
        )
        question, answer = one_answer(words, script)
        async with stalled_reader(alice, old.question, thread, old.heard):
            await until_it_stands(old, again)
            if not leaves:
                await _require_answer(again, thread, question, answer, tried)
        if not await eventually(old.stopped):
            raise Failed(
                tried=tried,
                observed="The model goes on: it still waits to say more.",
                expected="The turn does not hang on its reader. It has a task of its own, and nothing "
                "in that task waits for the connection, so a stop always reaches the agent's run.",
                misconception="held-up-by-the-reader",
            )
        if leaves:
            await _require_stopped(again, old, tried)
            await _require_answer(again, thread, question, answer, tried)
        after = [("user_message", question), ("assistant_message", answer)]
        stored = messages_in(await again.items(thread))[2:]
        require_partial(tried, old, stored, after=after)


@check(
    needs=(check_still_works,),
    why="Whoever guesses at a thread's id must not be able to disturb anybody.",
    covers=("LO-008",),
    keeps=True,
)
async def check_unknown_thread(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """A message to a thread that is not there is answered with 404, and interrupts nobody."""
    script, unknown = Script(model), f"thr_{words.word()}"
    tried = f"While an answer was on its way, sent a message to `{unknown}`, which is no thread."
    async with midway(alice, script, words) as held:
        async with bob.saying(words.sentence(), unknown) as turn:
            if turn.status != 404:
                raise Failed(
                    tried=tried,
                    observed=f"Your server answered with status {turn.status}.",
                    expected="Status 404. When the first byte of a stream is sent, no status can be "
                    "sent any more: ask the Store for the thread before you start a turn.",
                    misconception="unknown-thread",
                )
        await _require_goes_on(held, tried)


@check(
    needs=(check_agent_is_told,),
    why="Servers are restarted with every new version, in the middle of somebody's answer.",
    covers=("LO-008",),
)
async def check_shutdown(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """A server that is told to stop ends, and keeps what the answer on its way had so far."""
    script = Script(model)
    always = await _always(alice, script, words)
    async with midway(alice, script, words) as old:
        tried = f"{old.turn.tried} In the middle of the answer sent SIGTERM to the server"
        if not await lab.server.process.stop(patience=STOP_SECONDS):
            raise Failed(
                tried=f"{tried}.",
                observed=f"It still ran {STOP_SECONDS:.0f} seconds later and had to be killed.",
                expected="SIGTERM reaches uvicorn, which cancels what still runs and ends the "
                "lifespan. A cancellation that is caught is raised again, and nothing at the end "
                "waits for a turn that nobody has stopped.",
                misconception="does-not-end",
            )
    await lab.server.start()
    again = await lab.person("alice")
    tried += ", and started it again."
    stored = messages_in(await again.items(old.thread))
    require_partial(tried, old, stored)
    question, answer = one_answer(words, script)
    tried += " Sent another message."
    await _require_answer(again, old.thread, question, answer, tried)
    said = [question, answer]
    _require_told(script.calls_for(question)[0], old, stored[1][1], said, always, tried)


# The written part


@check(
    why="Streaming is a decision. Whoever has seen the figures can defend it, and can decide "
    "otherwise where it helps nobody.",
    core=False,
    covers=("LO-009",),
)
async def check_evaluation(work: Path, remark: Callable[[str], None]) -> None:
    """You have measured both ways, and chosen for three situations."""
    require_evaluation(work, remark)
