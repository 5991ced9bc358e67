"""What lesson 7 asks for, tried in a browser: somebody signs in at the student's page and chats.

The page is built from the student's sources, never an older build. The server's part is tried over
HTTP, as in the lessons before.
"""

from __future__ import annotations

from contextlib import suppress

from playwright.async_api import Error, Route

from checkpoints import lesson as lessons
from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import converse
from checkpoints.engine.lockstep import eventually, require_streaming
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.verdict import Failed, check
from checkpoints.engine.visitor import NARROW, PATIENCE, WIDE, Visit, Visitor
from checkpoints.engine.words import Words
from checkpoints.L07 import bff, cookie, script, wire
from checkpoints.L07.chatting import require_answer, require_seen, require_word_by_word
from checkpoints.L07.hostile import require_harmless, require_policy
from checkpoints.L07.metadata import require_believed_in_nothing

LESSON = lessons.load(7)
MOST_TRIES = 5  # of a request that the server refuses


@check(why="Everything else needs a server that runs.", keeps=True)
async def check_starts(lab: Lab) -> None:
    """Your app starts."""


@check(
    needs=(check_starts,),
    why="A page is worth what the server behind it is worth.",
    keeps=True,
)
async def check_still_works(alice: ChatKit, model: Provider, words: Words) -> None:
    """What the lessons before made still works, for other clients than the page, too."""
    await require_streaming(alice, model, words)
    said, thread = await converse(alice, model, words, turns=2)
    heard = "\n".join(text for call in model.calls for _, text in call.messages)
    if said[0][1] not in heard:
        raise Failed(
            tried="Sent two messages to one thread, without a page and without `metadata`.",
            observed="The model was not sent the first one with the second.",
            expected="A request that says nothing of a page is answered as in the lessons before.",
            misconception="lesson-lost",
        )
    stranger = await alice.sending({}).post(alice.message(words.sentence(), thread))
    if stranger.status_code != 401:
        raise Failed(
            tried="Sent a message without a token.",
            observed=f"Status {stranger.status_code}.",
            expected="401, as in lesson 6. The page is read after somebody has been let in.",
            misconception="lesson-lost",
        )


# The page, with a token


@check(
    needs=(check_still_works,),
    why="Without the element there is no chat, whatever else is right.",
    covers=("LO-019", "SC-007"),
)
async def check_page_loads(visit: Visit) -> None:
    """The page loads, somebody signs in, and finds the chat."""
    alice = await visit("alice")
    ready = alice.box.click(timeout=PATIENCE)  # that waits until it is enabled
    await alice.until(ready, "Opened the page, and signed in.")
    if alice.problems:
        raise Failed(
            tried="Opened the page, and signed in.",
            observed=f"It worked, and the browser's console says: {alice.problems[0]}",
            expected="No errors.",
            misconception="page-broken",
        )


@check(
    needs=(check_page_loads,),
    why="The server believes a token and nothing else.",
    covers=("LO-020", "SC-007"),
)
async def check_sends_token(lab: Lab, visit: Visit, model: Provider, words: Words) -> None:
    """A message goes out with the token of this moment, and its answer is seen."""
    alice = await visit("alice")
    await _say_with_token(alice, lab, model, words)
    await alice.press("Sign out")
    await alice.sign_in("alice")
    await _say_with_token(alice, lab, model, words)


async def _say_with_token(alice: Visitor, lab: Lab, model: Provider, words: Words) -> None:
    question, answer = words.sentence(), words.sentence()
    model.reply(lambda call: Say(answer))
    await alice.begin(question)
    await eventually(lambda: any(question in sent.text for sent in alice.sent))
    wire.require_token(alice.sent, question, lab.identity)
    await alice.settled()
    await require_seen(alice, question, answer)


@check(
    needs=(check_sends_token,),
    why="People read while the model speaks, and stop it when they have seen enough.",
    covers=("LO-020",),
)
async def check_streams_and_stops(visit: Visit, model: Provider, words: Words) -> None:
    """Each word is seen when it is said, and Stop ends the model's answer."""
    await require_word_by_word(await visit("alice"), model, words)


@check(
    needs=(check_sends_token,),
    why="A reload must not cost a conversation.",
    covers=("LO-019",),
)
async def check_survives_reload(visit: Visit, model: Provider, words: Words) -> None:
    """After a reload and a new sign-in, the same conversation goes on."""
    alice = await visit("alice")
    await require_answer(alice, model, words)
    before = await alice.texts()
    await alice.reload()
    await alice.sign_in("alice")
    try:
        await alice.answers.filter(has_text=before[-1]).wait_for(timeout=PATIENCE)
    except Error:
        raise Failed(
            tried="Had a conversation, loaded the page again, and signed in again.",
            observed="The conversation did not come back.",
            expected="The conversation that was open: `initialThread` opens it, and `onThreadChange` "
            "says which one that is.",
            misconception="reload-begins-anew",
        ) from None
    await require_answer(alice, model, words)
    if not alice.sent[-1].thread:
        raise Failed(
            tried="Loaded the page again, signed in, and sent a message.",
            observed="The old conversation was shown, and the message began a new one.",
            expected="It goes to the conversation that is open.",
            misconception="reload-begins-anew",
        )


@check(
    needs=(check_sends_token,),
    why="Tokens run out in the middle of a day's work.",
    covers=("LO-020",),
)
async def check_expired_token(lab: Lab, visit: Visit, model: Provider, words: Words) -> None:
    """When the sign-in has run out, the page says so, and goes on after a new one."""
    alice = await visit("alice")
    await require_answer(alice, model, words)
    expired = lab.identity.token("alice", lifetime=-lab.identity.lifetime)
    asked = 0

    async def too_late(route: Route) -> None:
        nonlocal asked
        asked += 1
        headers = {**route.request.headers, "authorization": f"Bearer {expired}"}
        with suppress(Error):  # whoever waited may have left
            await route.continue_(headers=headers)

    await alice.page.route("**/chatkit", too_late)
    await alice.begin(words.sentence())
    try:
        button = alice.page.get_by_role("button", name="Sign in as alice")
        await button.first.wait_for(timeout=PATIENCE)
    except Error:
        raise Failed(
            tried="Sent a message from the page with a token that had expired. The server said 401.",
            observed="The page does not ask to sign in again.",
            expected="Your `fetch` looks at `response.status`, and calls `onUnauthorized()` on a 401. "
            "The page then says that the sign-in has run out.",
            misconception="401-ignored",
        ) from None
    await alice.page.evaluate(  # as long as that takes: who sends it again and again, does so now
        "async () => { for (let n = 0; n < 50; n++) await fetch('/api/config'); }"
    )
    await alice.page.unroute("**/chatkit")
    if asked > MOST_TRIES:
        raise Failed(
            tried="Sent a message from the page with a token that had expired. The server said 401.",
            observed=f"The page asks to sign in, and has sent the same request {asked} times.",
            expected="What the server has refused it refuses again. Your `fetch` calls "
            "`onUnauthorized()` and returns the response; who signs in says it once more.",
            misconception="401-repeated",
        )
    await alice.sign_in("alice")
    await _say_with_token(alice, lab, model, words)


@check(
    needs=(check_sends_token,),
    why="“What is this?” has an answer only for somebody who sees the page.",
    covers=("LO-021", "SC-007"),
)
async def check_page_context(visit: Visit, model: Provider, words: Words) -> None:
    """The agent is told which page somebody looks at, as it is in this moment, and no more of it."""
    secrets = {words.word(): what for what in ("The query of the address", "Its fragment")}
    query, fragment = secrets
    alice = await visit("alice", f"?code={query}#token={fragment}")
    tried = "Opened the board, and sent a message from it."
    await require_answer(alice, model, words)
    wire.require_page_sent(alice.sent[-1], model, tried, wire.BOARD[0])
    wire.require_page_told(model, tried, "Task board", "/app/", *wire.BOARD)
    wire.require_not_told(
        alice.sent[-1], model, tried, {**secrets, wire.SIXTH: "More than five headings"}
    )
    await alice.page.get_by_role("link", name="Team").click()
    tried = "Went on to the page Team, and sent a second message."
    await require_answer(alice, model, words)
    if wire.BOARD[0] in wire.heard(model):
        raise Failed(
            tried=tried,
            observed=f"The model was told of the board again: “{wire.BOARD[0]}”.",
            expected="The page of this moment. `pageContext()` is called for each request; what is "
            "read once, when the component is made, grows old.",
            misconception="stale-page",
        )
    wire.require_page_told(model, tried, wire.TEAM, "/app/team")
    await alice.page.get_by_role("link", name="Account").click()
    telephone, note = words.word(), words.word()
    await alice.page.get_by_label("Telephone").fill(telephone)
    await alice.page.get_by_label("A note to yourself").fill(note)
    tried = "Typed something into the form of the page Account, and sent a message."
    await require_answer(alice, model, words)
    wire.require_not_told(
        alice.sent[-1],
        model,
        tried,
        {telephone: "What was typed into a field", note: "The private note"},
    )


@check(
    needs=(check_page_context,),
    why="Anybody can send any page, also one that gives orders.",
    covers=("LO-021",),
)
async def check_context_is_untrusted(alice: ChatKit, model: Provider, words: Words) -> None:
    """What a page says is checked and cut, and never becomes an instruction or an error."""
    await require_believed_in_nothing(alice, model, words)


@check(
    needs=(check_page_loads,),
    why="Scripts are blocked, late, and sometimes they never come. An empty box tells nobody that.",
    covers=("LO-019",),
)
async def check_script_states(visit: Visit) -> None:
    """A script that is blocked or never comes is told within seconds, and one that is late works."""
    await script.require_blocked_told(visit)
    await script.require_lost_told(visit)
    await script.require_part_told(visit)
    await script.require_late_works(visit)


@check(
    needs=(check_sends_token,),
    why="A page that mixes people up undoes all that the server keeps apart.",
    covers=("LO-020",),
)
async def check_two_people(lab: Lab, visit: Visit, model: Provider, words: Words) -> None:
    """Two people in two windows, and one after the other in one, each find only what is theirs."""
    alice, bob = await visit("alice"), await visit("bob")
    hers = await require_answer(alice, model, words)
    await require_answer(bob, model, words)
    mine = set(await alice.texts())
    await wire.require_chat_gone(alice)
    before = len(alice.sent)
    await alice.sign_in("bob")
    await alice.begin(words.sentence())
    await alice.settled()
    listed = await (await lab.person("alice")).ask("threads.list", limit=100)
    threads = {thread["id"] for thread in listed["data"]}
    asked = threads & {sent.thread for sent in alice.sent[before:]}
    seen = await alice.page.locator("body").inner_text()
    if asked or hers in seen or mine & set(await alice.texts()):
        raise Failed(
            tried="Alice signed out, and bob signed in at the same window and sent a message.",
            observed="Bob's page asked for Alice's conversation."
            if asked
            else "Alice's conversation is still on the page.",
            expected="Which conversation was open is remembered for each person: "
            "`lastThread.get(user)` and `lastThread.set(user, threadId)`.",
            misconception="people-mixed-up",
        )


# A cookie


@check(
    needs=(check_streams_and_stops, check_expired_token),
    why="What a script can read, a stranger's script can carry away.",
    covers=("LO-020",),
)
async def check_cookie_mode(lab: Lab, visit: Visit, model: Provider, words: Words) -> None:
    """With AUTH_MODE=cookie the token is in a cookie that no script can read, and all works."""
    await lab.server.restart(AUTH_MODE="cookie")
    try:
        await cookie.require_good_login(lab.server.base_url, lab.identity)
        alice = await visit("alice")
        await require_answer(alice, model, words)
        await cookie.require_good_cookie(alice)
        await cookie.require_unreadable(alice, lab.identity.given)
        if "authorization" in alice.sent[-1].headers:
            raise Failed(
                tried="Sent a message from the page, with AUTH_MODE=cookie.",
                observed="The page sent a header Authorization.",
                expected="It has no token to send. The browser sends the cookie by itself.",
                misconception="token-readable",
            )
        await require_word_by_word(alice, model, words)
        await alice.reload()
        await require_answer(alice, model, words)  # the cookie is still there
        await alice.press("Sign out")
        back = alice.page.get_by_role("button", name="Sign in as alice")
        await alice.until(back.wait_for(timeout=PATIENCE), "Signed out.")
        left = [one for one in await alice.page.context.cookies() if one.get("httpOnly")]
        if left:
            raise Failed(
                tried="Signed out, with AUTH_MODE=cookie.",
                observed="The cookie is still there.",
                expected="`POST /api/logout` takes it back.",
                misconception="cookie-stays",
            )
    finally:
        await lab.server.restart()


@check(
    needs=(check_cookie_mode,),
    why="The browser sends the cookie along, whoever's page asked it to send something.",
    covers=("LO-020",),
)
async def check_csrf(lab: Lab, alice: ChatKit) -> None:
    """With AUTH_MODE=cookie only the own page can send something in somebody's name."""
    await lab.server.restart(AUTH_MODE="cookie")
    try:
        async with cookie.signed_in_by_cookie(lab.server.base_url) as http:
            await cookie.require_own_page_only(http, alice, LESSON.path)
    finally:
        await lab.server.restart()


# Further


@check(
    core=False,
    needs=(check_cookie_mode,),
    why="The server behind need know nothing of cookies, and the browser nothing of tokens.",
    covers=("LO-020",),
)
async def check_bff(lab: Lab, visit: Visit, model: Provider, words: Words) -> None:
    """With AUTH_MODE=bff a server in between carries the token: streamed, stopped, refused as it is."""
    await lab.server.restart(AUTH_MODE="bff")
    try:
        alice = await visit("alice")
        await require_answer(alice, model, words)
        await cookie.require_good_cookie(alice)
        await cookie.require_unreadable(alice, lab.identity.given)
        await require_word_by_word(alice, model, words)
        async with cookie.signed_in_by_cookie(lab.server.base_url) as http:
            await cookie.require_own_page_only(http, await lab.person("alice"), bff.PATH)
        await bff.require_passed_on(lab)
    finally:
        await lab.server.restart()


@check(
    core=False,
    needs=(check_sends_token,),
    why="A model's answer is a stranger's text. A picture in it can carry a secret away.",
)
async def check_content_security(lab: Lab, visit: Visit, model: Provider, words: Words) -> None:
    """The page forbids scripts from elsewhere and pictures that tell, and no other site may read."""
    await require_policy(lab)
    await require_harmless(await visit("alice"), model, words, lab.identity.address)


@check(
    core=False,
    needs=(check_sends_token,),
    why="Half of all visitors hold a telephone.",
)
async def check_fits(visit: Visit, model: Provider, words: Words) -> None:
    """The chat can be used at a width of 360 pixels, and of 1280."""
    alice = await visit("alice", size=NARROW)
    await require_answer(alice, model, words)
    for size in (NARROW, WIDE):
        await alice.page.set_viewport_size({"width": size[0], "height": size[1]})
        await alice.box.scroll_into_view_if_needed()
        box = await alice.box.bounding_box()
        wide: int = await alice.page.evaluate("document.documentElement.scrollWidth")
        tried = f"Looked at the page in a window of {size[0]} by {size[1]} pixels."
        if wide > size[0]:
            observed = f"It is {wide} pixels wide: one has to scroll sideways."
        elif box is None or box["width"] < size[0] / 4 or box["x"] < 0:
            observed = "The box for a message cannot be reached, or is too narrow to write in."
        else:
            continue
        raise Failed(
            tried=tried,
            observed=observed,
            expected='The element takes the room of its class: `<ChatKit className="chat" … />`.',
            misconception="does-not-fit",
        )
