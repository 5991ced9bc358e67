"""What the offline model answers to "What did I ask earlier?" and to questions of that kind.

Each answer is found in the `Reading`, or is a sentence that says that it is not there.
"""

from __future__ import annotations

import re

from shared.models.answers import Say, bullets, numbered_messages, short
from shared.models.reading import Reading

ALONE = "I can't see any earlier message: only this one was sent to me."

# To the end of the clause: a full stop within a word, as in an address, does not end it.
_VALUE = r"(?P<value>(?:[^.!?,;{}\n\"”]|[.!?](?=\w))+)"
_SPOKE = re.compile(r"\b(?:asked|wrote|said|told|mentioned|wanted)\b|^user:", re.IGNORECASE)
_STOPPED = re.compile(
    r"\b(?:cancel(?:led|ed)|interrupted|stopped|cut (?:off|short)|aborted|unfinished|incomplete)\b",
    re.IGNORECASE,
)
_SUMMARY = re.compile(
    r"(?:previous |old |earlier )?summary[^:]{0,40}:\s*(?P<text>\S.*)", re.IGNORECASE
)
_ADDRESS = re.compile(r"\bhttps?://", re.IGNORECASE)
_CALLED = re.compile(r"\b(?:[Cc]all me|[Ii](?: am|['’]m) called) (?P<name>\w+)")
# Without "called" only a capital letter tells a name from "I'm tired".
_I_AM = re.compile(r"\b(?:I am|I['’]m) (?P<name>[A-Z]\w+)")


def earlier(_: re.Match[str], reading: Reading) -> Say:
    """What did I ask earlier?"""
    answer = numbered_messages(reading.earlier) if reading.earlier else ALONE
    if told := [fact for fact in reading.facts if _SPOKE.search(fact)]:
        answer += f"\n\nThis was sent to me about you as well:\n\n{bullets(told)}"
    return Say(answer)


def first(_: re.Match[str], reading: Reading) -> Say:
    """What was my first question?"""
    if not reading.earlier:
        return Say(ALONE)
    return Say(f"The first message of yours that I can see is: “{short(reading.earlier[0])}”")


def previous(_: re.Match[str], reading: Reading) -> Say:
    """What was my last message?"""
    if not reading.earlier:
        return Say(ALONE)
    return Say(f"Your message before this one was: “{short(reading.earlier[-1])}”")


def thing(match: re.Match[str], reading: Reading) -> Say:
    """What is my name, my colour, my anything?"""
    name = " ".join(match["thing"].split())
    for text in reversed(reading.earlier):
        if value := _stated(name, text):
            return Say(f"Your {name} is {value}. You wrote: “{short(text)}”")
    for fact in reading.facts:
        if value := _recorded(name, fact):
            return Say(f"Your {name} is {value}. This was sent to me about you: “{short(fact)}”")
    if not reading.earlier:
        return Say(ALONE)
    return Say(f"None of the messages that I can see says so: I was sent {_count(reading)}.")


def about_user(_: re.Match[str], reading: Reading) -> Say:
    """What do you know about me?"""
    parts = []
    if reading.facts:
        parts.append(f"This was sent to me about you:\n\n{bullets(reading.facts)}")
    parts.append(numbered_messages(reading.earlier) if reading.earlier else ALONE)
    return Say("\n\n".join(parts))


def page(_: re.Match[str], reading: Reading) -> Say:
    """Which page am I looking at?"""
    texts = (*reading.instructions, *reading.notes, *reading.earlier)
    told = [line for text in texts for line in text.splitlines() if _ADDRESS.search(line)]
    if not told:
        return Say("Nothing that was sent to me says which page you are looking at.")
    line = told[-1].replace("`", "'")  # as code, in which no address becomes a link
    return Say(f"This was sent to me about the page:\n\n`{line}`")


def how_much(_: re.Match[str], reading: Reading) -> Say:
    """How many messages can you see?"""
    return Say(
        f"I was sent {_count(reading)}. All that I was sent, with instructions and tools, is "
        f"{reading.tokens} tokens long."
    )


def go_on(_: re.Match[str], reading: Reading) -> Say:
    """Go on."""
    if not any(_STOPPED.search(note) for note in (*reading.notes, *reading.instructions)):
        return Say("I see no answer of mine that was cut short, so there is nothing to go on with.")
    if not reading.answers:
        return Say("I was told that my last answer was stopped, and sent no word of it.")
    words = reading.answers[-1].split()
    return Say(f"My last answer was stopped. It ended with: “… {' '.join(words[-8:])}”")


def learn(match: re.Match[str], _: Reading) -> Say:
    """My name is Ana."""
    return Say(
        f"Your {match['thing']} is {match['value'].strip()}. I keep nothing myself: I can say it "
        "again only if this message is sent to me again."
    )


def summarise(match: re.Match[str], reading: Reading) -> Say:
    """Summarise this conversation: the one in the message, or the messages before it."""
    lines = [line.strip() for line in (match["text"] or "").splitlines() if line.strip()]
    users = [line.split(":", 1)[1] for line in lines if line.lower().startswith("user:")]
    before = [m["text"] for line in lines if (m := _SUMMARY.match(line))]
    texts = users or ([] if before else lines or reading.earlier)
    if texts:
        before.append("The user wrote: " + "; ".join(f"“{short(text, 80)}”" for text in texts))
    return Say(" ".join(before) or ALONE)


def user_name(reading: Reading) -> str | None:
    """The user's name, where a message or a fact says it."""
    for text in reversed(reading.messages):
        if name := _stated("name", text):
            return name
    names = (_recorded("name", fact) for fact in reading.facts)
    return next(filter(None, names), None)


def _count(reading: Reading) -> str:
    messages = len(reading.messages)
    return f"{messages} message{'s' * (messages > 1)} of yours"


def _stated(name: str, text: str) -> str | None:
    """The value, where the user wrote "my <name> is <value>"."""
    if value := _value(rf"\bmy\s+{re.escape(name)}\s*(?:(?:is|are|was)\b|[:=])", text):
        return value
    if name != "name":
        return None
    match = _CALLED.search(text) or _I_AM.search(text)
    return match["name"] if match else None


def _recorded(name: str, fact: str) -> str | None:
    """The value, where a fact has "<name> is <value>" or `"<name>": "<value>"`."""
    return _value(rf"\b{re.escape(name)}\b['\"]?\s*(?:(?:is|are)\b|[:=])", fact)


def _value(before: str, text: str) -> str | None:
    match = re.search(rf"{before}\s*['\"“]?{_VALUE}", text, re.IGNORECASE)
    return match["value"].strip() or None if match else None
