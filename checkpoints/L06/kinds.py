"""The kinds of attack that a threat table can have: how each is known, and what can stop it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of attack: how its row is known, and what can stop it. Beginnings of words.

    `attack` are regular expressions: each one has to be found, in any order.
    `shown`: whether a test that sees only the server's answers can show it; None: it depends.
    """

    name: str
    attack: tuple[str, ...]
    defence: tuple[str, ...]
    shown: bool | None = None


_TOKEN = (
    "token", "sign", "verif", "valid", "check", "key", "alg", "claim", "decod", "jwt", "issuer",
    "exp", "aud", "iss", "require", "reject", "refus", "401", "unauthor", "denied", "deny",
)  # fmt: skip
_OWNER = (
    "own", "user", "where", "scop", "row", "polic", "rls", "store", "filter", "quer", "sql",
    "condition", "belong", "context", "speaker", "visible", "theirs", "sub", "404", "found", "key",
)  # fmt: skip

KINDS_OF_ATTACK = (
    Kind(
        "no token",
        (r"\b(?:no|without|missing|lack\w*|omit\w*|empty|absent|anonym\w*|unauthenticated)\b",
         r"\b(?:token|bearer|authori[sz]ation|header|credential|sign|log\w* in|anonym|unauth)"),
        (*_TOKEN, "door", "depend", "bearer", "header", "signed"),
        shown=True,
    ),
    Kind(
        "a forged token",
        (r"\b(?:forg|fak|made up|mak|tamper|alter|chang|own key|unsigned|self|sign|none\b|alg|hs256|"
         r"craft|modif|invent|counterfeit|swap|edit|confus|kid\b)",
         r"\b(?:token|jwt|sign|alg|claim|payload|key|hs256|none\b)"),
        (*_TOKEN, "crypt", "public", "hs256", "none", "jwks", "trust"),
        shown=True,
    ),
    Kind(
        "an expired token, or one for another service",
        (r"\b(?:expir|old\b|stale|outdated|stolen|yesterday|run out|ran out|past|replay|again|reus|"
         r"another|other|different|elsewhere|wrong|aud|issuer|iss\b|service|exp\b|late)",
         r"\b(?:token|jwt|aud|iss|exp|credential|sign)"),
        (*_TOKEN, "time", "clock", "life", "short", "leeway", "service"),
    ),
    Kind(
        "a name in a header or in the body",
        (r"\b(?:header|body|quer|param|json|payload|field|address|url|x-|claim\w* to be|pretend|"
         r"imperson|pose|metadata)",
         r"\b(?:name|user|alice|bob|id\b|x-|somebody|someone|imperson|identity|who)"),
        (*_TOKEN, "sub", "context", "ignor", "header", "body", "never", "nothing", "only", "trust",
         "believ"),
        shown=True,
    ),
    Kind(
        "reading somebody else's thread",
        (r"\b(?:read|see|look|list|load|fetch|open|get|view|spy|access|steal|item|leak|guess|enumer)",
         r"\b(?:thread|conversation|message|item|chat|task|history|session|data|id\b|ids\b)"),
        _OWNER,
    ),
    Kind(
        "writing into somebody else's thread",
        (r"\b(?:writ|send|post|add|inject|say|insert|append|speak|answer|put|plant|retry|upload)",
         r"\b(?:thread|conversation|message|item|chat|task|history|session)"),
        _OWNER,
    ),
    Kind(
        "deleting or renaming it",
        (r"\b(?:delet|remov|renam|destroy|wip|eras|titl|updat|chang|overwrit|drop|vandal)",
         r"\b(?:thread|conversation|message|item|chat|task|history|session|titl)"),
        _OWNER,
        shown=True,
    ),
    Kind(
        "finding out whether a thread exists",
        (r"\b(?:exist|find\w* out|prob|enumer|oracle|guess|403|discover|learn|confirm|known|tell|"
         r"leak|whether)",
         r"\b(?:thread|conversation|id\b|ids\b|exist|403|404|item|session|user)"),
        (*_OWNER, "same", "alike", "like", "equal", "identical", "indisting", "differ", "exist",
         "not", "one", "answer", "body", "status", "random", "guess"),
    ),
    Kind(
        "flooding the issuer",
        (r"\b(?:flood|many|overload|dos\b|ddos|denial|amplif|thousand|million|spam|hammer|storm|"
         r"repeat|exhaust|every request|each request|slow)",
         r"\b(?:key|kid|issuer|jwks|provider|token|id\b|ids\b|request|fetch)"),
        ("key", "paus", "once", "cool", "limit", "second", "minute", "cach", "keep", "kept", "rate",
         "wait", "fetch", "lock", "jwks", "throttl", "most", "unknown", "interval", "time"),
        shown=False,
    ),
    Kind(
        "a token in the logs",
        (r"\b(?:log|logs|logged|logging|trace\w*|print\w*|audit|error message|monitor\w*|screenshot|"
         r"history|backup)\b",
         r"\b(?:token|bearer|authori[sz]ation|secret|credential|jwt|header)"),
        ("log", "never", "not", "no", "redact", "mask", "hid", "filter", "header", "print", "without",
         "nothing", "searched", "grep", "short", "expir", "only"),
        shown=False,
    ),
    Kind(
        "a forgotten WHERE",
        (r"\b(?:forg[eo]t\w*|miss\w*|omit\w*|next year|future|later|new|bug|mistake|leav\w*|without|"
         r"careless\w*|sql|inject\w*|lack\w*|unscoped)",
         r"\b(?:where|quer|statement|condition|select|sql|filter|operation|table|column|owner|"
         r"method|developer|colleague|polic)"),
        ("polic", "rls", "row", "postgres", "databas", "secur", "level", "forc", "role", "lock",
         "review", "second", "visible", "store", "base", "test", "parameter"),
        shown=False,
    ),
)  # fmt: skip
