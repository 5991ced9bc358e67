"""Signing in: at a real identity provider, for a server that checks each token."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import jwt
import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from playwright.sync_api import Browser, Locator, Page, expect

from shared import clock
from shared.console import mount_console
from shared.context import RequestContext
from shared.endpoint import chatkit_router
from shared.issuer import ALGORITHM
from shared.issuer.process import IssuerProcess
from shared.settings import get_settings
from tests.page.conftest import Console, Site, serving
from tests.page.server import Crowd
from tests.page.test_console import assert_accessible, assert_no_sideways_scroll

pytestmark = pytest.mark.slow

AUDIENCE = "task-manager"
REFUSED = "Not signed in, or your sign-in has run out"


@dataclass
class Provider:
    """The identity provider, and the hand of its clock."""

    url: str
    hand: Path

    def move_clock(self, seconds: int) -> None:
        self.hand.write_text(str(seconds))


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    hand = tmp_path_factory.mktemp("issuer") / "clock"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(clock.VARIABLE, str(hand))
        child = IssuerProcess(AUDIENCE)
    with child:
        yield Provider(child.url, hand)


@pytest.fixture(scope="module")
def site(provider: Provider) -> Iterator[Site]:
    """A server that believes the provider's tokens and nothing else."""
    keys = jwt.PyJWKClient(f"{provider.url}/.well-known/jwks.json", cache_jwk_set=False)
    bearer = HTTPBearer(auto_error=False)

    def signed_in(
        credentials: HTTPAuthorizationCredentials | None = Depends(bearer),
    ) -> RequestContext:
        if credentials is None:
            raise HTTPException(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
        try:
            key = keys.get_signing_key_from_jwt(credentials.credentials)
            claims = jwt.decode(
                credentials.credentials,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=provider.url,
            )
        except jwt.PyJWTError:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise HTTPException(401, "Sign in again.", challenge) from None
        return RequestContext(user_id=claims["sub"])

    server = Crowd()
    app = FastAPI(title="Task Manager", lifespan=server.lifespan)
    app.include_router(chatkit_router(server, signed_in))
    mount_console(app)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHATKIT_ISSUER", provider.url)
        get_settings.cache_clear()
        with serving(app) as url:
            yield Site(url, url, server, provider.url)
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def on_time(provider: Provider) -> None:
    provider.move_clock(0)


def person(page: Page) -> Locator:
    """Where the page says who is signed in."""
    return page.get_by_role("group", name="Signed in", exact=True)


def choose(page: Page, name: str, lifetime: str = "1 hour") -> None:
    """On the identity provider's page: be somebody, and come back."""
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    page.get_by_label(lifetime, exact=True).check()
    page.get_by_role("button", name=f"Continue as {name}").click()


def sign_in(console: Console, name: str, lifetime: str = "1 hour") -> None:
    person(console.page).get_by_role("button", name="Sign in").click()
    choose(console.page, name, lifetime)
    expect(person(console.page)).to_contain_text(name)
    expect(console.box).to_be_enabled()


def token_of(page: Page) -> str:
    token = page.evaluate("() => sessionStorage.getItem('sign-in.token')")
    assert isinstance(token, str)
    return token


def test_from_nobody_to_somebody_and_back(console: Console) -> None:
    page = console.page
    console.expected = ("401 (Unauthorized)",)
    console.open()
    bar = person(page)
    expect(bar).to_have_text("Not signed inSign in")
    expect(page.get_by_role("group", name="Speaking as")).to_have_count(0)
    console.send("say hello")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(REFUSED)
    expect(alert).to_contain_text("Sign in first.")
    expect(page.get_by_label("Response header", exact=True)).to_have_text(
        "www-authenticate: Bearer"
    )
    expect(page.get_by_label("Headers", exact=True)).not_to_contain_text("authorization")
    assert not console.site.server.users

    alert.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{console.site.issuer_url}/sign-in?**")
    choose(page, "alice")
    expect(bar).to_have_text("aliceSign out")
    assert page.url == f"{console.site.url}/"  # no token, and nothing else of the way back
    token = token_of(page)
    assert jwt.decode(token, options={"verify_signature": False})["sub"] == "alice"
    console.send("title Holidays")
    expect(console.answers).to_have_text("This is now Holidays.")
    assert set(console.site.server.users) == {"alice"}
    address = page.url
    assert "thread=" in address

    page.reload()
    expect(bar).to_have_text("aliceSign out")
    expect(console.answers).to_have_text("This is now Holidays.")
    console.press("Stored")
    stored = page.get_by_role("list", name="Stored items")
    expect(stored.get_by_role("button")).to_have_count(2)
    console.press("Wire")

    console.press("Sign out")
    expect(bar).to_have_text("Not signed inSign in")
    expect(bar.get_by_role("button")).to_be_focused()
    assert page.url == f"{console.site.url}/"
    assert page.evaluate("() => sessionStorage.length") == 0
    expect(console.answers).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_count(0)
    assert "Holidays" not in page.evaluate("() => document.body.textContent")
    console.press("History")
    expect(page.get_by_role("alert")).to_contain_text(REFUSED)
    page.get_by_role("alert").get_by_role("button", name="Sign in").click()
    choose(page, "bob")
    expect(bar).to_have_text("bobSign out")
    console.press("History")
    expect(page.get_by_text("No conversations yet.")).to_be_visible()


def test_the_token_is_taken_apart_and_never_shown_whole(console: Console) -> None:
    page = console.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.clock.install()
    console.open()
    console.press("Token")
    expect(page.get_by_text("Nobody is signed in.")).to_be_visible()
    expect(page.get_by_role("button", name="Copy token")).to_have_count(0)
    sign_in(console, "alice")
    console.send("say hello")
    console.press("Token")
    token = token_of(page)
    header = jwt.get_unverified_header(token)
    claims = page.get_by_label("Claims of the token")
    for part in ('"sub": "alice"', f'"iss": "{console.site.issuer_url}"', '"aud": "task-manager"'):
        expect(claims).to_contain_text(part)
    expect(page.get_by_label("Header of the token")).to_contain_text(header["kid"])
    facts = page.locator(".token-facts dd")
    expect(facts).to_have_text(["alice", re.compile(r"^in (59|1:00):\d\d"), header["kid"], "ES256"])

    # Neither here nor in what was recorded, with every row open.
    console.press("Wire")
    page.locator("details.request summary").click()
    headers = page.get_by_label("Headers", exact=True)
    expect(headers).to_contain_text("authorization: Bearer $TOKEN")
    expect(headers).to_contain_text("x-demo-user: alice")
    page.get_by_label("Raw frames").check()
    for row in console.rows.all():
        row.click()
    signature = token.split(".")[2]
    shown = page.evaluate("() => document.documentElement.outerHTML")
    assert signature[:8] in shown
    assert signature[:12] not in shown

    # What is copied has a variable in the token's place, and a shell puts the token in.
    console.press("Copy as curl")
    expect(page.get_by_role("button", name="Copied: set TOKEN first")).to_be_visible()
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert token not in command
    script = f"curl() {{ printf '%s\\n' \"$@\"; }}\n{command}"
    sent = subprocess.check_output(["sh", "-c", script], env={"TOKEN": token}, text=True)
    assert f"authorization: Bearer {token}\n" in sent
    assert '"text":"say hello"' in sent

    console.press("Token")
    console.press("Copy token")
    expect(page.get_by_role("button", name="Copied: keep it to yourself")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == token

    page.clock.fast_forward("59:00")
    expect(facts.nth(1)).to_have_text(re.compile(r"^in (0:5|1:0)\d$"))
    expect(person(page)).to_have_text("aliceSign out")
    page.clock.fast_forward("02:00")
    expect(facts.nth(1)).to_have_text(re.compile(r"^(0:5|1:0)\d ago$"))
    expect(person(page)).to_have_text("alicerun outSign inSign out")


def test_a_sign_in_that_has_run_out(console: Console, provider: Provider) -> None:
    page = console.page
    console.expected = ("401 (Unauthorized)",)
    console.open()
    sign_in(console, "alice")
    console.send("title Holidays")
    thread = page.url
    provider.move_clock(-3600)
    console.press("Sign out")
    sign_in(console, "alice", "10 seconds")  # the provider's clock is slow: it has run out already
    expect(person(page)).to_have_text("alicerun outSign inSign out")
    page.goto(thread)  # in the same window: only what is behind the # differs
    expect(page.get_by_role("alert")).to_contain_text(f"{REFUSED}Sign in again. (HTTP 401)")
    console.begin("say hello")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("401")
    expect(page.get_by_label("Response header", exact=True)).to_have_text(
        'www-authenticate: Bearer error="invalid_token"'
    )
    expect(console.chat.get_by_text("Not sent")).to_be_visible()

    # The same person goes on where they were; somebody else does not.
    provider.move_clock(0)
    page.get_by_role("alert").get_by_role("button", name="Sign in").click()
    choose(page, "alice")
    expect(console.answers).to_have_text("This is now Holidays.")
    assert page.url == thread
    httpx.post(f"{provider.url}/rotate")
    console.send("say one key later")
    expect(console.answers.last).to_have_text("one key later")
    httpx.post(f"{provider.url}/rotate")
    console.begin("say two keys later")
    expect(page.get_by_role("alert")).to_contain_text(REFUSED)
    page.get_by_role("alert").get_by_role("button", name="Sign in").click()
    choose(page, "bob")
    expect(person(page)).to_have_text("bobSign out")
    expect(page.get_by_role("heading", name="New chat", exact=True)).to_be_visible()
    assert page.url == f"{console.site.url}/"


def test_another_tab_can_be_somebody_else(console: Console) -> None:
    console.expected = ("404 (Not Found)",)
    console.open()
    sign_in(console, "alice")
    console.send("title Secret")
    other = Console(console.page.context.new_page(), console.site)
    other.open(console.page.url)
    sign_in(other, "bob")
    expect(other.page.get_by_role("alert")).to_contain_text("That is not there")  # alice's thread
    other.press("History")
    expect(other.page.get_by_text("No conversations yet.")).to_be_visible()
    other.press("Close history")
    other.press("New chat")
    other.send("say of bob")
    console.send("say of alice")
    expect(person(console.page)).to_contain_text("alice")
    assert set(console.site.server.users) == {"alice", "bob"}


@pytest.mark.parametrize("how", ["another state", "no state", "no token"])
def test_only_a_sign_in_that_began_here_counts(console: Console, how: str) -> None:
    page = console.page
    asked = httpx.post(f"{console.site.issuer_url}/token", json={"user": "bob"}, timeout=30)
    token = asked.json()["access_token"]
    console.open()
    if how == "no token":  # the state is right this time
        console.press("Sign in")
        page.wait_for_url(f"{console.site.issuer_url}/**")
        state = page.locator("input[name=state]").get_attribute("value")
        page.goto(f"{console.site.url}/#access_token=a.b.c&expires_in=60&state={state}")
        said = "What the identity provider sent is no token."
    else:
        more = "&state=1-2-3-4" if how == "another state" else ""
        page.goto(f"{console.site.url}/#access_token={token}&expires_in=60{more}")
        said = "That sign-in was not begun in this tab"
    expect(page.get_by_role("status").filter(has_text=said)).to_be_visible()
    expect(person(page)).to_contain_text("Not signed in")
    assert page.url == f"{console.site.url}/"
    assert page.evaluate("() => sessionStorage.length") == 0


def test_both_ways_are_compared_as_who_is_signed_in(console: Console) -> None:
    page = console.page
    console.open()
    sign_in(console, "bob")
    page.get_by_role("link", name="Compare").click()
    page.get_by_label("The same question, both ways").fill("say the same")
    console.press("Ask both")
    expect(page.get_by_role("region", name="Streamed answer")).to_be_visible()
    expect(page.get_by_role("button", name="Ask both")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert set(console.site.server.users) == {"bob"}


def test_without_an_issuer_one_says_who_one_is(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = f"{console.site.url}/console/config.json"
    assert httpx.get(config).json()["issuer"] == console.site.issuer_url
    for value in ("", " "):
        monkeypatch.setenv("CHATKIT_ISSUER", value)
        assert httpx.get(config).json()["issuer"] is None
    monkeypatch.delenv("CHATKIT_ISSUER")
    console.open()
    expect(console.page.get_by_role("group", name="Speaking as")).to_be_visible()
    expect(person(console.page)).to_have_count(0)
    expect(console.page.get_by_role("button", name="Token", exact=True)).to_have_count(0)


def test_the_issuers_pages_need_no_script(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{site.issuer_url}/sign-in?return_to={site.url}/&state=mine")
    page.get_by_label("1 minute").check()
    page.get_by_role("button", name="Continue as bob").click()
    page.wait_for_url(f"{site.url}/#access_token=*")
    assert "&expires_in=60&state=mine" in urlsplit(page.url).fragment
    page.goto(site.issuer_url)
    keys = page.locator("li code")
    expect(keys.first).to_be_visible()
    before = keys.first.inner_text()
    page.get_by_role("button", name="Sign with a new key").click()
    expect(keys.nth(1)).to_have_text(before)
    page.goto(f"{site.issuer_url}/sign-in?return_to=https://evil.example/")
    expect(page.get_by_text("return_to must be a page on this machine")).to_be_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_sign_in_on_any_screen(
    console: Console, provider: Provider, scheme: str
) -> None:
    page = console.page
    console.expected = ("Applying inline style", "401 (Unauthorized)", "400 (Bad Request)")
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    console.open()
    console.send("say hello")
    assert_fit(page)
    person(page).get_by_role("button").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    assert_fit(page)
    choose(page, "alice")
    expect(person(page)).to_contain_text("alice")
    console.send("say hello")
    assert_fit(page)
    console.press("Inspector")
    console.press("Token")
    assert_fit(page)
    console.press("Sign out")
    provider.move_clock(-3600)
    sign_in(console, "bob", "10 seconds")
    console.begin("say hello")
    expect(page.get_by_role("alert")).to_contain_text(REFUSED)
    assert_fit(page)
    page.goto(console.site.issuer_url)
    assert_fit(page)
    page.goto(f"{console.site.issuer_url}/sign-in")
    assert_fit(page)


def assert_fit(page: Page) -> None:
    """For everybody, on a wide screen and then on a narrow one."""
    page.set_viewport_size({"width": 1280, "height": 800})
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 720})
    assert_accessible(page)
    assert_no_sideways_scroll(page)
