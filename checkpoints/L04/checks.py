"""What lesson 4 asks for, tried from outside over HTTP.

Every message and every reply of the model is new, so each call to the model shows what the agent was
told. How many calls a work makes, and where it keeps what it remembers, is its own matter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from checkpoints import lesson as lessons
from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import messages_in
from checkpoints.engine.lockstep import require_streaming
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider
from checkpoints.engine.skill import require_skill
from checkpoints.engine.verdict import Failed, check
from checkpoints.engine.words import Words
from checkpoints.L04.between import require_hidden_left_out, require_tool_calls_paired
from checkpoints.L04.facts import (
    remember,
    require_facts,
    require_no_fact,
    require_unseen,
)
from checkpoints.L04.offline import (
    ask,
    require_nothing_remembered,
    require_remembered,
    restart_offline,
)
from checkpoints.L04.still import require_stops
from checkpoints.L04.summaries import (
    require_extended,
    require_not_every_turn,
    require_nothing_lost,
)
from checkpoints.L04.talk import NEWEST, Talk, Voice, shown
from checkpoints.L04.window import (
    require_each_once,
    require_newest,
    require_no_more,
    require_not_instructions,
    require_order_and_roles,
)

LESSON = lessons.load(4)
FULL = NEWEST // 2  # turns, after which one more lets something fall out
TURNS = 12  # 24 messages: more than two windows, and more than the 20 of one page
LONG_TURNS = 17  # of which twelve come when the window is full
LENGTHS = (50, 120)  # messages
LETTER = 450  # words: 4 kB, about a thousand tokens
HUGE = 5_600  # words: 50 kB
CONCEPTS = {
    "the newest messages": ("window", "newest", "recent", "last"),
    "a budget of tokens": ("token", "budget"),
    "a summary": ("summar", "condens", "compact"),
    "facts that stay": ("fact", "metadata", "preference", "remember"),
    "roles, or what is hidden": ("role", "hidden", "widget", "assistant"),
}

Remark = Callable[[str], None]


@check(why="Everything else needs a server that runs.", keeps=True)
async def check_starts(lab: Lab) -> None:
    """Your app starts."""


# The window


@check(
    needs=(check_starts,),
    why="A message sent twice costs twice, and looks like a person who repeats themselves.",
    covers=("LO-010",),
    keeps=True,
)
async def check_current_once(alice: ChatKit, model: Provider, words: Words) -> None:
    """Each message reaches the agent once, the new one too."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(3):
        require_each_once(await talk.say())


@check(
    needs=(check_current_once,),
    why="Instructions are what you tell the agent. A user's words among them are a way to give it new "
    "orders.",
    covers=("LO-010",),
    keeps=True,
)
async def check_not_instructions(alice: ChatKit, model: Provider, words: Words) -> None:
    """What users wrote never stands among the instructions."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(FULL + 3):
        await talk.say()
    require_not_instructions(talk)


@check(
    needs=(check_current_once,),
    why="The newest messages are what the conversation is about. With twenty old ones in their place "
    "an agent answers yesterday's question.",
    covers=("LO-010", "SC-004"),
)
async def check_last_ten(alice: ChatKit, model: Provider, words: Words) -> None:
    """The agent gets the ten newest messages of the thread; with fewer, all."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(TURNS):
        await talk.say()
    for require in (require_newest, require_no_more):
        for exchange in reversed(talk.exchanges):  # in a long conversation the cause is plainest
            require(exchange)


@check(
    needs=(check_last_ten, check_not_instructions),
    why="An agent that hears its own words from the user's mouth, or in the wrong order, does not know "
    "what has been settled.",
    covers=("LO-010", "SC-004"),
)
async def check_order_and_roles(alice: ChatKit, model: Provider, words: Words) -> None:
    """They come oldest first and newest last, each with its role."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(FULL + 2):
        require_order_and_roles(await talk.say())


@check(
    needs=(check_order_and_roles,),
    why="Lesson 3's server streams, and a new message stops the answer on its way. An agent that "
    "remembers, and no longer stops, is no better.",
    covers=("SC-004",),
    keeps=True,
)
async def check_still_streams_and_stops(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """Answers still stream, and a new message still stops the old answer and keeps it."""
    await require_streaming(alice, model, words)
    await require_stops(alice, await lab.person("alice"), model, words)


@check(
    needs=(check_order_and_roles,),
    why="A thread holds more than messages. Notes, widgets and workflows were not said by anybody, and "
    "would push out what was.",
    covers=("LO-010",),
)
async def check_hidden_left_out(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Hidden items, widgets and workflows are neither counted nor sent."""
    talk = Talk(alice, Voice(model, words), words)
    await talk.say()
    await require_hidden_left_out(lab, talk, words)


@check(
    needs=(check_hidden_left_out,),
    why="A model refuses a tool's output without its call, and a call without its output.",
    covers=("LO-010",),
)
async def check_tool_calls_paired(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """A client tool call is sent with its output, in its place; a pending one is not sent."""
    talk = Talk(alice, Voice(model, words), words)
    await talk.say()
    await require_tool_calls_paired(lab, talk, words)


# The budget


@check(
    needs=(check_order_and_roles,),
    why="A model has a context window, and refuses what is larger. A conversation must not end because "
    "it became long.",
    covers=("LO-011", "SC-004"),
)
async def check_budget(alice: ChatKit, model: Provider, words: Words) -> None:
    """All that is sent fits the context window, at 50 messages and at 120, of 4 kB each."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(max(LENGTHS) // 2):
        exchange = await talk.say(words.sentence(LETTER))
        talk.require_room()
        if not any(exchange.question.text in text for text in exchange.asked.user_texts):
            raise Failed(
                tried=exchange.tried,
                observed=f"The new message, of {len(exchange.question.text):,} characters, is not in "
                "it, or not whole.",
                expected="The new message comes first: what room it leaves is for older ones. Count "
                "from the newest backwards.",
                misconception="newest-cut",
            )


@check(
    needs=(check_budget,),
    why="Somebody pastes a whole log file. The agent has to answer all the same, then and afterwards.",
    covers=("LO-011",),
)
async def check_budget_of_a_huge_message(alice: ChatKit, model: Provider, words: Words) -> None:
    """A message of 50 kB is answered and stored whole, and harms no later turn."""
    talk, huge = Talk(alice, Voice(model, words), words), words.sentence(HUGE)
    await talk.say()
    exchange = await talk.say(huge)
    talk.require_room()
    if not any(huge[:200] in text for text in exchange.asked.user_texts):
        raise Failed(
            tried=exchange.turn.tried,
            observed=f"The model was not sent its beginning, “{shown(huge)}”.",
            expected="Of a message that is too long for the window, its beginning at least is sent.",
            misconception="huge-not-sent",
        )
    if ("user_message", huge) not in messages_in(await alice.items(talk.thread or "")):
        raise Failed(
            tried=f"{exchange.turn.tried} Then opened the thread.",
            observed="The message is not stored as it was sent.",
            expected="What is shortened is a copy, for the model. The person finds their message whole.",
            misconception="stored-short",
        )
    for _ in range(FULL + 1):
        await talk.say()
        talk.require_room()


# The summary


@check(
    needs=(check_order_and_roles,),
    why="“As I said at the beginning …” What falls out of the window without a trace makes the agent "
    "forget what was agreed.",
    covers=("LO-011",),
)
async def check_summary_before_letting_go(alice: ChatKit, model: Provider, words: Words) -> None:
    """What falls out of the ten is in a summary before it is let go."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(LONG_TURNS):
        await talk.say()
    require_nothing_lost(talk)


@check(
    needs=(check_summary_before_letting_go,),
    why="A summary made anew from everything grows with the conversation; one on each turn doubles the "
    "calls. Both are paid for with every message.",
    covers=("LO-011",),
)
async def check_summary_is_extended(alice: ChatKit, model: Provider, words: Words) -> None:
    """The summary is extended by what is new, and not on every turn."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(LONG_TURNS):
        await talk.say()
    tried = f"Sent {LONG_TURNS} messages to one thread."
    require_extended(talk, tried, "summary-rebuilt")
    require_not_every_turn(talk, tried)


@check(
    needs=(check_summary_is_extended,),
    why="A server is restarted with every new version. What was summarised is in the summary only.",
    covers=("LO-011",),
)
async def check_summary_is_kept(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The summary is there after a restart, and is not made anew."""
    talk = Talk(alice, Voice(model, words), words)
    for _ in range(TURNS):
        await talk.say()
    await lab.server.restart()
    talk.person = await lab.person("alice")
    for _ in range(2):
        (await talk.say()).again = True
    require_nothing_lost(talk)
    tried = f"Sent {TURNS} messages to one thread, restarted the server, and sent 2 more."
    require_extended(talk, tried, "summary-in-memory")


# Facts


@check(
    needs=(check_order_and_roles,),
    why="“Answer in German, please” holds for the whole conversation, and not for the next ten "
    "messages.",
    covers=("LO-011", "SC-004"),
)
async def check_facts_outlive(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """What remember_fact was told is sent in every later turn, after a restart too."""
    talk = Talk(alice, Voice(model, words), words)
    values: list[str] = []
    for kind in ("preference", "project", "preference"):
        values.append(words.word())
        remembered = await remember(talk, kind, values[-1])
        require_facts(remembered, values[:-1], remembered)
    for _ in range(FULL + 2):
        require_facts(await talk.say(), values, remembered)
    values.append(words.word())
    remembered = await remember(talk, "project", values[-1])
    require_facts(await talk.say(), values, remembered)
    await lab.server.restart()
    talk.person = await lab.person("alice")
    require_facts(await talk.say(), values, remembered, restarted=True)


@check(
    needs=(check_facts_outlive,),
    why="What the agent notes down about a person is between the two. It must not turn up with somebody "
    "else, on a screen, or as an order to the agent.",
    covers=("LO-011",),
)
async def check_facts_private(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """Facts go to no other thread, to no page, and not into the instructions."""
    voice, value = Voice(model, words), words.word()
    talk = Talk(alice, voice, words)
    remembered = await remember(talk, "preference", value)
    later = await talk.say()
    for person, whose in ((alice, "her own"), (bob, "bob's")):
        require_no_fact(await Talk(person, voice, words).say(), value, remembered, whose)
    await require_unseen(alice, later, value, remembered, words)


# All together


@check(
    needs=(check_order_and_roles,),
    why="That is the question this lesson began with.",
    covers=("LO-010", "SC-004"),
)
async def check_remembers_offline(lab: Lab, words: Words) -> None:
    """“What did I ask earlier?” is answered rightly by the offline model, after a restart too."""
    try:
        alice, thread, asked = await restart_offline(lab), None, list[str]()
        for _ in range(FULL + 1):
            asked.append(words.word())
            turn = await ask(alice, f"Where is {asked[-1]}?", thread)
            thread = turn.thread_id or thread
        await require_remembered(alice, thread, asked)
        alice = await restart_offline(lab)
        await require_remembered(alice, thread, asked)
        await require_nothing_remembered(alice, asked)
    finally:
        await lab.server.process.stop()  # the next check begins with the model of all checks


@check(
    why="You will need this again in every chat you build. Written down as a skill, it can be handed to "
    "an agent, and to yourself in a year.",
    covers=("LO-012",),
)
async def check_skill(work: Path, remark: Remark) -> None:
    """The skill conversation-history is valid, and says what has to be decided."""
    found = require_skill(
        work,
        "conversation-history",
        decisions=5,
        touching=CONCEPTS,
        known={"the template": LESSON.template, "the lesson": LESSON.text},
    )
    remark(f"It has {found} decision points. Whether they are the right ones, a person judges.")
