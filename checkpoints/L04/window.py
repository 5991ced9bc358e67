"""Which messages stand in a call for an answer, how often, in which order, and as whose."""

from __future__ import annotations

from checkpoints.engine.verdict import Failed
from checkpoints.L04.talk import NEWEST, Exchange, Message, Talk, own_items

_TEN = (
    f"The {NEWEST} newest messages, the new one among them; with fewer, all of them. "
    '`load_thread_items(thread.id, None, limit, "desc", context)` begins with the newest.'
)


def require_each_once(exchange: Exchange) -> None:
    """The new message is there once, and no earlier one twice."""
    heard = "\n".join(text for _, text in exchange.asked.messages)
    times = heard.count(exchange.question.text)
    if times != 1:
        found = f"holds the new message {times} times" if times else "does not hold the new message"
        raise Failed(
            tried=exchange.tried,
            observed=f"It {found}.",
            expected="The new message is sent once. It is stored before `respond()` is called, so it "
            "is the newest item of the thread: do not add it again, and do not skip it.",
            misconception="message-twice" if times else "message-missing",
        )
    if twice := [one for one in exchange.before if heard.count(one.text) > 1]:
        raise Failed(
            tried=exchange.tried,
            observed=f"The {twice[0].role}'s “{twice[0].text}” is in it twice.",
            expected="One source tells the agent what was said: the Store. An Agents SDK session "
            "beside it keeps the same messages a second time.",
            misconception="history-twice",
        )


def require_not_instructions(talk: Talk) -> None:
    """No word of a user stands among the instructions of any call."""
    wrote = [message for message in talk.said if message.role == "user"]
    for call in talk.voice.calls:
        if found := [message for message in wrote if message.touches(call.instructions)]:
            raise Failed(
                tried=f"Sent {len(wrote)} messages to one thread. Looked at the instructions in all "
                "calls to the model.",
                observed=f"The user's “{found[0].text}” stands in a system message or in the "
                "instructions.",
                expected="History is input: a list of messages, each with its role. Instructions are "
                "written by you alone.",
                misconception="in-instructions",
            )


def require_newest(exchange: Exchange) -> None:
    """The newest ten are there."""
    heard = [text for _, text in exchange.asked.messages]
    missing = [one for one in exchange.newest if not any(one.text in text for text in heard)]
    if not missing:
        return
    sent = _sent(exchange)
    older = sent - set(exchange.newest)
    if older:
        raise Failed(
            tried=exchange.tried,
            observed=f"It holds {len(sent)} messages: {len(older)} are old ones, and {len(missing)} of "
            f"the {NEWEST} newest are missing.",
            expected=f'{_TEN} With "asc" and a limit it is the oldest ones, for ever.',
            misconception="oldest-first",
        )
    raise Failed(
        tried=exchange.tried,
        observed=f"{len(missing)} of the {len(exchange.newest)} newest messages are missing, the "
        f"{missing[-1].role}'s “{missing[-1].text}” among them.",
        expected=_TEN,
        misconception="no-history" if len(sent) <= 1 else "too-few-messages",
    )


def require_no_more(exchange: Exchange) -> None:
    """Older ones are not. Ten besides the new one are right as well."""
    if len(sent := _sent(exchange)) > NEWEST + 1:
        raise Failed(
            tried=exchange.tried,
            observed=f"It holds {len(sent)} messages, and with each turn there are two more.",
            expected=f"{_TEN} Else what is sent grows with every turn, and its price too, until the "
            "model refuses it.",
            misconception="no-window",
        )


def _sent(exchange: Exchange) -> set[Message]:
    """The messages that are items of their own in the call for the answer."""
    said = [*exchange.before, exchange.question]
    return {message for _, message in own_items(exchange.asked, said)}


def require_order_and_roles(exchange: Exchange) -> None:
    """The newest ten are items of their own, oldest first, each in its role."""
    said = [*exchange.before, exchange.question]
    sent = [(role, one) for role, one in own_items(exchange.asked, said) if one in exchange.newest]
    roles = {message: role for role, message in sent}
    for message in exchange.newest:
        if (role := roles.get(message)) != message.role:
            given = f"is sent in the role `{role}`" if role else "stands in one text with others"
            raise Failed(
                tried=exchange.tried,
                observed=f"The {message.role}'s “{message.text}” {given}.",
                expected="Each message is an item of its own: the user's in the role `user`, the "
                "agent's in the role `assistant`. `simple_to_agent_input` makes them so.",
                misconception="roles-lost",
            )
    if [message for _, message in sent] != exchange.newest:
        raise Failed(
            tried=exchange.tried,
            observed=f"They begin with “{sent[0][1].text}” and end with “{sent[-1][1].text}”.",
            expected="The oldest first, the new message last. A page in the order `desc` begins with "
            "the newest: reverse it.",
            misconception="newest-first",
        )
