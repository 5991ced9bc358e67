"""The pages of the identity provider. Plain HTML: they work without a script, and have none."""

from __future__ import annotations

import json
from html import escape

from shared.issuer.tokens import Issuer

LIFETIMES = {3600: "1 hour", 60: "1 minute", 10: "10 seconds"}
"""How long a token that somebody signs in with can last, in seconds, and in words."""


def sign_in_page(issuer: Issuer, origin: str, return_to: str, state: str) -> str:
    """The choice of who to be, and for how long; `origin` is where `return_to` leads."""
    users = "".join(
        f'<button name="user" value="{escape(user)}">Continue as {escape(user)}</button>'
        for user in issuer.users
    )
    lifetimes = "".join(
        f'<label><input type="radio" name="lifetime" value="{seconds}"'
        f"{' checked' if seconds == 3600 else ''}> {words}</label>"
        for seconds, words in LIFETIMES.items()
    )
    return _page(
        "Sign in",
        f"""
        <p>You come from <strong>{escape(origin)}</strong>, and go back there with a token.</p>
        <form method="post" action="/sign-in">
          <input type="hidden" name="return_to" value="{escape(return_to)}">
          <input type="hidden" name="state" value="{escape(state)}">
          <fieldset><legend>The token lasts</legend>{lifetimes}</fieldset>
          <div class="users">{users}</div>
        </form>
        <p class="hint">This identity provider is for learning. A real one would ask for a password
        here, and would not let you choose how long a token lasts. A short one is there to be seen
        running out.</p>
        """,
    )


def home_page(issuer: Issuer) -> str:
    """What this service is, whom it knows, and which keys it has."""
    now, *before = (escape(key["kid"]) for key in issuer.jwks()["keys"])
    keys = f"<li><code>{now}</code> signs now</li>" + "".join(
        f"<li><code>{kid}</code> signed before; its tokens are still good</li>" for kid in before
    )
    url = escape(issuer.url)
    asked = json.dumps({"user": issuer.users[0] if issuer.users else ""})
    command = f"curl {issuer.url}/token -H 'Content-Type: application/json' \\\n  --data '{asked}'"
    return _page(
        "A small identity provider",
        f"""
        <p>It signs tokens that say who somebody is, and publishes the keys to check them with. It is
        for learning, so it asks nobody for a password.</p>
        <dl>
          <dt>Issuer</dt><dd><code>{url}</code></dd>
          <dt>Audience</dt><dd><code>{escape(issuer.audience)}</code></dd>
          <dt>Users</dt><dd>{escape(", ".join(issuer.users))}</dd>
        </dl>
        <h2>Keys</h2>
        <ul>{keys}</ul>
        <form method="post" action="/rotate"><button>Sign with a new key</button></form>
        <p class="hint">The key that signs now stays published, so its tokens stay good. The one
        before it goes.</p>
        <h2>For programs</h2>
        <ul>
          <li><a href="/.well-known/openid-configuration">The configuration</a>, where a program
          looks first</li>
          <li><a href="/.well-known/jwks.json">The public keys</a></li>
        </ul>
        <p>A token, without a browser:</p>
        <pre tabindex="0" aria-label="Command"><code>{escape(command)}</code></pre>
        <p class="hint">To try things with, <code>"lifetime": -60</code> gives a token that ran out a
        minute ago, and <code>"audience": "elsewhere"</code> one that is meant for another
        server.</p>
        """,
    )


def refusal_page(sentence: str) -> str:
    """Why something was not done."""
    return _page("That did not work", f"<p>{escape(sentence)}</p>")


def _page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>{escape(title)}</title>
    <link rel="icon" href="/static/icon.svg">
    <link rel="stylesheet" href="/static/tokens.css">
    <link rel="stylesheet" href="/static/issuer.css">
  </head>
  <body><main><h1>{escape(title)}</h1>{body}</main></body>
</html>
"""
