"""Which messages stand behind a call: sent in it, or in a summary that is sent in it."""

from __future__ import annotations

from checkpoints.engine.provider import Call
from checkpoints.engine.verdict import Failed
from checkpoints.L04.talk import NEWEST, Exchange, Message, Talk, any_word, text_in

_TWICE = 2  # messages that a call for a summary may hold a second time


class Summaries:
    """What a work's other calls to the model were for, as far as their replies came back."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._calls = talk.voice.calls
        answers = {id(exchange.asked) for exchange in talk.exchanges}
        self._others = [
            (number, call)
            for number, call in enumerate(self._calls)
            if call in talk.voice.replies and id(call) not in answers
        ]

    def behind(self, call: Call) -> set[Message]:
        """The messages that the model knows of in this call, whole or in part."""
        text, number = text_in(call), self._calls.index(call)
        known = self._held(call)
        for earlier, other in self._others:
            if earlier < number and any_word(self._talk.voice.replies[other], text):
                known |= self.behind(other)
        return known

    def _held(self, call: Call) -> set[Message]:
        text = text_in(call)
        return {message for message in self._talk.said if message.touches(text)}

    def sent(self) -> list[tuple[int, Call]]:
        """The calls for summaries: number and call of those whose reply came back later."""
        texts = [text_in(call) for call in self._calls]
        return [
            (number, call)
            for number, call in self._others
            if any(any_word(self._talk.voice.replies[call], text) for text in texts[number + 1 :])
        ]

    def lost(self, exchange: Exchange) -> list[Message]:
        """Earlier messages that the model was told nothing of, neither now nor in a summary."""
        known = self.behind(exchange.asked)
        return [message for message in exchange.before if message not in known]

    def asked_for(self, message: Message) -> bool:
        """Whether the message was in any other call than one for an answer."""
        return any(message in self._held(call) for _, call in self._others)

    def most_repeated(self) -> tuple[int, int]:
        """How many messages of a call for a summary an earlier one had, at worst; and of how many."""
        worst, had = (0, 0), set[Message]()
        for _, call in self.sent():
            held = self._held(call)
            worst = max(worst, (len(held & had), len(held)))
            had |= held
        return worst

    def turns(self) -> int:
        """In how many turns a summary was asked for."""
        begins = [exchange.first for exchange in self._talk.exchanges]
        return len({sum(begin <= number for begin in begins) for number, _ in self.sent()})


def require_nothing_lost(talk: Talk) -> None:
    """Whatever was said is sent, or is behind a summary that is sent, in every turn."""
    summaries = Summaries(talk)
    for exchange in talk.exchanges:
        lost = summaries.lost(exchange)
        if not lost:
            continue
        observed = (
            f"Of {len(exchange.before)} earlier messages the model knew nothing of {len(lost)}. "
        )
        observed += f"Number {talk.said.index(lost[0]) + 1}, “{lost[0].text}”, "
        if summaries.asked_for(lost[0]):
            observed += "was sent to be summarised, and no summary with it came back to the agent."
            misconception = "summary-not-sent"
        else:
            observed += "was neither sent nor summarised."
            misconception = "let-go-without-summary"
        raise Failed(
            tried=exchange.tried,
            observed=f"After a restart: {observed}" if exchange.again else observed,
            expected="Before a message leaves the window, the model is asked for a summary with it, and "
            "that summary is sent from then on. A later one is made of the older one and what is "
            "new. Both are stored.",
            misconception="summary-in-memory" if exchange.again else misconception,
        )


def require_extended(talk: Talk, tried: str, misconception: str) -> None:
    """No message is sent to be summarised again and again."""
    repeated, held = Summaries(talk).most_repeated()
    if repeated > _TWICE:
        raise Failed(
            tried=f"{tried} Looked at the calls for summaries.",
            observed=f"One of them held {held} messages, of which {repeated} were in an earlier one.",
            expected="A call for a summary gets the old summary and the messages that are new to it. "
            "Keep with the summary how far it reaches, and store both with the thread.",
            misconception=misconception,
        )


def require_not_every_turn(talk: Talk, tried: str) -> None:
    """Once the window is full, there is a call for a summary in no more than half of the turns."""
    full = len(talk.exchanges) - NEWEST // 2
    if (turns := Summaries(talk).turns()) * 2 > full:
        raise Failed(
            tried=f"{tried} From number {NEWEST // 2 + 1} on the window was full.",
            observed=f"In {turns} of these {full} turns a summary was asked for.",
            expected="In fewer than half of them. Summarise several messages at once, some of them "
            "before they have to go; then the next turns need nothing.",
            misconception="summary-every-turn",
        )
