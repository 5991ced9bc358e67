"""What a thread holds between its messages: what of it is sent, and what is not."""

from __future__ import annotations

from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L04.seeds import Seeds, alternating, put
from checkpoints.L04.talk import NEWEST, Exchange, Talk, place_of

_NOISE = 20  # items: beyond these ChatKit does not look for pending tool calls to take away


async def require_hidden_left_out(lab: Lab, talk: Talk, words: Words) -> None:
    """Put other items between messages. They are neither sent nor counted."""
    seeds = Seeds(talk.thread or "")
    said = list(alternating(words.sentence() for _ in range(NEWEST)))
    notes = {
        "hidden item": seeds.hidden,
        "widget": seeds.widget,
        "workflow": seeds.workflow,
    }
    kinds: dict[str, str] = {}
    items = []
    for message in said:
        items.append(seeds.message(message))
        for kind, make in notes.items():
            word = words.word()
            kinds[word] = kind
            items.append(make(word))
    await put(lab, talk, items, said)
    exchange = await talk.say()
    tried = (
        f"Had a thread with {len(exchange.before)} messages, and behind most a hidden item, a widget "
        "and a workflow. Looked at the call for the answer to a new message."
    )
    heard = "\n".join(text for _, text in exchange.asked.messages)
    if sent := [kind for word, kind in kinds.items() if word in heard]:
        raise Failed(
            tried=tried,
            observed=f"It holds the text of a {sent[-1]}.",
            expected="Messages are sent, and client tool calls between them. Choose by type before "
            "`simple_to_agent_input`, which sends widgets, workflows and hidden items too.",
            misconception="hidden-sent",
        )
    if missing := [message for message in exchange.newest if message.text not in heard]:
        raise Failed(
            tried=tried,
            observed=f"{len(missing)} of the {NEWEST} newest messages are missing.",
            expected=f"{NEWEST} messages, and not {NEWEST} items of any kind. Go on loading pages until "
            "you have them.",
            misconception="hidden-counted",
        )


async def require_tool_calls_paired(lab: Lab, talk: Talk, words: Words) -> None:
    """Put two client tool calls between messages: one is completed, the other one is pending."""
    seeds = Seeds(talk.thread or "")
    said = list(alternating(words.sentence() for _ in range(4)))
    name, output, pending = words.word(), words.word(), words.word()
    before, after, *rest = map(seeds.message, said)
    calls = seeds.client_tool_call(name, output), seeds.client_tool_call(pending, None)
    noise = [seeds.workflow(words.word()) for _ in range(_NOISE)]
    await put(lab, talk, [before, calls[0], after, calls[1], *noise, *rest], said)
    tried = (
        "Had a thread with a client tool call that is completed, and one that is pending, and sent a "
        "message to it. Looked at the call for the answer."
    )
    exchange = await _not_refused(talk, tried)
    if place_of(exchange.asked, pending) is not None:
        raise Failed(
            tried=tried,
            observed=f"It holds the pending call of `{pending}`.",
            expected="A call without an output is not sent. `simple_to_agent_input` leaves it out.",
            misconception="pending-call-sent",
        )
    wanted = (said[0].text, name, output, said[1].text)
    places = [place_of(exchange.asked, word) for word in wanted]
    found = [place for place in places if place is not None]
    if len(found) < len(places) or found != sorted(found):
        raise Failed(
            tried=tried,
            observed="The completed call and its output do not stand between the messages around them.",
            expected="The agent once asked for something, and got it. Both are sent, where they "
            "happened: the item of type `client_tool_call` holds both.",
            misconception="tool-call-lost",
        )


async def _not_refused(talk: Talk, tried: str) -> Exchange:
    first = len(talk.voice.calls)
    try:
        return await talk.say()
    except Failed:
        refused = [call.refusal for call in talk.voice.calls[first:] if call.refusal]
        if not refused:
            raise
    raise Failed(
        tried=tried,
        observed=f"The model refused it: “{refused[0]}”",
        expected="A completed call is sent as two items, the call and its output. A pending one has no "
        "output yet: leave it out.",
        misconception="tool-call-unpaired",
    )
