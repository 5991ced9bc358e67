"""How the offline model decides what to answer: rules, tried in order, over what it was sent.

It is honest. It has no memory and no knowledge, so each answer comes from the `Reading` alone: a
server that sends no history gets a model that remembers nothing, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from shared.models import recall, tooluse
from shared.models.answers import Decision, Say, bullets, short
from shared.models.reading import Reading
from shared.models.texts import STORY, STREAMING

HIGHEST = 500
"""How far it counts."""

Rule: TypeAlias = Callable[[re.Match[str], Reading], Decision]

_AGENT = re.compile(r"\bYou are (?:the |an? )?(?P<name>[A-Z][\w-]*(?: [A-Z][\w-]*)*)")
_BRIEF = re.compile(r"\b(?:short|brief|concise|terse)\b", re.IGNORECASE)


def decide(reading: Reading) -> Decision:
    """What to answer. The same reading always gives the same decision."""
    if reading.outputs:
        return tooluse.report(reading)
    if not reading.asked:
        return Say("I was sent no message of a user, so there is nothing for me to answer.")
    if use := tooluse.named(reading):
        return use
    for pattern, rule in _RULES:
        if match := pattern.search(reading.asked):
            return rule(match, reading)
    return _echo(reading)


def _count(match: re.Match[str], _: Reading) -> Say:
    last = int(match["last"])
    if not 1 <= last <= HIGHEST:
        return Say(f"I count to any number from 1 to {HIGHEST}.")
    return Say(" ".join(map(str, range(1, last + 1))))


def _story(_: re.Match[str], __: Reading) -> Say:
    return Say(STORY)


def _streaming(_: re.Match[str], __: Reading) -> Say:
    return Say(STREAMING)


def _greet(_: re.Match[str], reading: Reading) -> Say:
    user = recall.user_name(reading)
    agent = _AGENT.search("\n".join(reading.instructions))
    hello = f"Hello, {user}." if user else "Hello."
    i_am = f"I am {agent['name']}, played by" if agent else "I am"
    return Say(
        f"{hello} {i_am} the workbook's offline model. I answer by rule, from what is sent to me "
        f"and from nothing else. Try one of these:\n\n{bullets(_tries(reading))}"
    )


def _echo(reading: Reading) -> Say:
    said = f"You wrote: “{short(reading.asked)}”"
    if any(_BRIEF.search(fact) for fact in reading.facts):
        return Say(said)  # The user prefers short answers.
    first, second, third = _tries(reading)
    return Say(
        f"{said}\n\nI am the workbook's offline model: I answer by rule, from what is sent to me, "
        f"and I have no rule for this. Try {first}, {second} or {third}."
    )


def _tries(reading: Reading) -> list[str]:
    if tooluse.CREATE in reading.tools:
        return ["“add buy milk”", "“show my tasks”", "“what did I ask earlier?”"]
    return ["“count to 20”", "“tell me a long story”", "“what did I ask earlier?”"]


def _rules(*rules: tuple[str, Rule]) -> list[tuple[re.Pattern[str], Rule]]:
    return [(re.compile(pattern, re.IGNORECASE), rule) for pattern, rule in rules]


# Pieces of the patterns. A gap is bounded, for a message may be long and made to be slow.
_ASK = r"^(?:(?:please|and|now|then|ok|so),?\s+|(?:can|could|would|will) you\s+)*"
_CHAT = r"(?:conversation|chat|thread|discussion|messages?|history)"
_GAP = r"\b.{0,80}\b"
_THING = r"my (?P<thing>[\w'’ -]{1,60}?)"

# The first that matches answers, so the narrower stand before the wider.
_RULES = _rules(
    (_ASK + r"count\b(?:\D*\b1\b)?\D*?\b(?:to|till|until)\D*(?P<last>\d{1,9})\b", _count),
    (_ASK + rf"summari[sz]e{_GAP}(?:this|the|our|my|following){_GAP}{_CHAT}"
     r"(?:[^:\n]*[:\n](?P<text>[\s\S]*))?", recall.summarise),
    (_ASK + r"(?:go on|continue|carry on|keep going)\b",
     recall.go_on),
    (rf"\banaly[sz]e{_GAP}(?:documents?|minutes|files)\b", tooluse.analyse),
    (r"\bmy (?:very )?first (?:question|message|request)|\bwhat did i \w+ (?:\w+ )?first\b",
     recall.first),
    (r"\bmy (?:last|previous) (?:question|message|request)|\bwhat did i just \w+", recall.previous),
    (r"\bwhat (?:did|have|had) i (?:\w+ )?(?:ask|say|said|tell|told|writ|wrote|mention|want)",
     recall.earlier),
    (r"\bwhat (?:was i|were we|did we|have we) (?:\w+ )?(?:ask|say|talk|discuss|chat)",
     recall.earlier),
    (rf"\b(?:list|show|repeat|recall){_GAP}(?:my|our|earlier|previous){_GAP}{_CHAT}",
     recall.earlier),
    (rf"\bwhat (?:do|can|did) you (?:know|remember|recall|see|learn){_GAP}(?:me|my)\b"
     r"|\bwho am i\b", recall.about_user),
    (r"\b(?:what|which) page\b|\bwhat(?:['’]?s| is)(?: on)? this page\b", recall.page),
    (rf"\bhow (?:many|much|long){_GAP}(?:tokens?|{_CHAT})\b", recall.how_much),
    (_ASK + r"(?:remind me to|remember to)\s+(?P<title>.*)", tooluse.create),
    (_ASK + r"(?:add|create|make|new)\s+(?:me\s+)?(?:(?:an?|the|another|new)\s+)*"
     r"(?:task|to-?do|reminder)\b(?:\s+(?:to|for|called|named|titled|that says)\b)?[\s:,]*"
     r"(?P<title>.*)", tooluse.create),
    (_ASK + r"add\b[\s:]*(?P<title>.*)", tooluse.create),
    (_ASK + r"(?:complete|finish|check off|tick off|close)\b\s*(?:the\s+)?(?:task\b)?[\s:#]*"
     r"(?P<task>.+)", tooluse.complete),
    (_ASK + r"mark\s+(?:the\s+)?(?:task\b)?[\s:#]*(?P<task>.+?)\s+(?:as\s+)?"
     r"(?:done|complete|completed|finished)\b", tooluse.complete),
    (_ASK + r"(?:i(?: am|['’]m| have|['’]ve)?\s+)?(?:done|finished|completed)\s+(?:with\s+)?"
     r"(?:the\s+)?(?:task\b)?[\s:#]*(?P<task>.+)", tooluse.complete),
    (r"^task\s*#?(?P<task>.+?)\s+is\s+(?:done|finished|complete)", tooluse.complete),
    (r"\bsummary\b|\bsummari[sz]e\b|\bhow am i doing\b|\bmy progress\b|\bhow many tasks\b",
     tooluse.summary),
    (rf"\b(?:list|show|see|display|view){_GAP}(?:tasks?|to-?dos?|my list)\b"
     rf"|\b(?:what|which){_GAP}(?:tasks|to-?dos|my (?:\w+ )?task|my (?:task )?list)\b"
     r"|^(?:my )?(?:tasks|to-?dos)\b|\bwhat (?:do i have|is there) to do\b", tooluse.list_all),
    (rf"\bwhat(?:['’]?s| is| was| are| were) {_THING}\s*(?:\?|$)", recall.thing),
    (rf"\b(?:know|remember|recall|tell me){_GAP}{_THING}\s*(?:\?|$)", recall.thing),
    (rf"\b(?:explain|how does|how do|what is|what['’]?s){_GAP}stream", _streaming),
    (rf"\b(?:tell|write|give|say){_GAP}(?:long|story)\b|^(?:a )?long (?:story|answer|text)",
     _story),
    (rf"\b{_THING} (?:is|are) (?P<value>[^.!?,;\n]+)(?:[.!,;\n]|$)", tooluse.remember),
    (r"^(?:hi|hello|hey|help|good (?:morning|afternoon|evening|day))\b"
     r"|\bwho are you\b|\bwhat can you do\b", _greet),
)  # fmt: skip
