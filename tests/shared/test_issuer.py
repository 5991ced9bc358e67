"""The identity provider, checked as a stranger would check it: with PyJWT, over HTTP."""

import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
import uvicorn

from shared import clock
from shared.issuer import Issuer
from shared.issuer.loopback import origin_of
from shared.issuer.process import IssuerProcess
from shared.issuer.service import create_app

ROOT = Path(__file__).parents[2]
AUDIENCE = "task-manager"
CONSOLE = "http://127.0.0.1:8006/"
PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


@contextmanager
def serving() -> Iterator[Issuer]:
    """An issuer behind a real server; `issuer.url` says where."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        issuer = Issuer(f"http://127.0.0.1:{listening.getsockname()[1]}", AUDIENCE)
        server = uvicorn.Server(uvicorn.Config(create_app(issuer), log_level="warning"))
        # The socket listens already: a request that comes too early waits.
        thread = threading.Thread(target=server.run, args=[[listening]])
        thread.start()
        yield issuer
        server.should_exit = True
        thread.join()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


@pytest.fixture(scope="module")
def standing() -> Iterator[Issuer]:
    """One for many tests, whose keys stay as they are."""
    with serving() as issuer:
        yield issuer


def verify(issuer: Issuer, token: str, keys: jwt.PyJWKClient | None = None) -> dict[str, Any]:
    keys = keys or jwt.PyJWKClient(f"{issuer.url}/.well-known/jwks.json")
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        audience=AUDIENCE,
        issuer=issuer.url,
        options={"require": ["iss", "sub", "aud", "iat", "exp", "jti"]},
    )


def sign_in(issuer: Issuer, body: object) -> httpx.Response:
    return httpx.post(f"{issuer.url}/token", json=body)


@pytest.mark.parametrize("user", ["alice", "bob"])
def test_a_token_verifies_with_the_published_key(issuer: Issuer, user: str) -> None:
    answer = sign_in(issuer, {"user": user})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    claims = verify(issuer, body["access_token"])
    assert claims["sub"] == user
    assert claims["exp"] - claims["iat"] == 3600


def test_two_tokens_differ(issuer: Issuer) -> None:
    first, second = verify(issuer, issuer.token("alice")), verify(issuer, issuer.token("alice"))
    assert first["jti"] != second["jti"]


def test_the_configuration_leads_to_the_keys(issuer: Issuer) -> None:
    found = httpx.get(f"{issuer.url}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer.url
    assert httpx.get(found["jwks_uri"]).json() == issuer.jwks()
    assert httpx.post(found["token_endpoint"], json={"user": "bob"}).status_code == 200


@pytest.mark.parametrize("user", ["mallory", "", "Alice"])
def test_somebody_unknown_gets_400_and_is_told_who_is_known(standing: Issuer, user: str) -> None:
    answer = sign_in(standing, {"user": user})
    assert answer.status_code == 400
    assert "alice, bob" in answer.json()["detail"]
    assert "access_token" not in answer.text
    with pytest.raises(ValueError, match="alice, bob"):
        standing.token(user)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"user": 1},
        "alice",
        {"user": "alice", "lifetme": 60},
        {"user": "alice", "lifetime": "soon"},
        {"user": "alice", "lifetime": 10**18},
        {"user": "alice", "audience": 5},
    ],
)
def test_a_body_that_is_none_gets_422(standing: Issuer, body: object) -> None:
    assert sign_in(standing, body).status_code == 422


def test_a_token_to_try_things_with(issuer: Issuer) -> None:
    short = sign_in(issuer, {"user": "alice", "lifetime": 10}).json()
    assert short["expires_in"] == 10
    claims = verify(issuer, short["access_token"])
    assert claims["exp"] - claims["iat"] == 10
    expired = sign_in(issuer, {"user": "alice", "lifetime": -60}).json()
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(issuer, expired["access_token"])
    other = sign_in(issuer, {"user": "alice", "audience": "elsewhere"}).json()
    with pytest.raises(jwt.InvalidAudienceError):
        verify(issuer, other["access_token"])


def test_rotation(issuer: Issuer) -> None:
    # PyJWT asks for the keys again at most every 30 seconds, unless it is told otherwise.
    keys = jwt.PyJWKClient(f"{issuer.url}/.well-known/jwks.json", cooldown_duration=0)
    oldest = issuer.token("alice")
    verify(issuer, oldest, keys)
    issuer.rotate()
    newer = issuer.token("alice")
    # The client that knew the old key alone finds the new one by itself; the old one stays good.
    assert verify(issuer, newer, keys)["sub"] == verify(issuer, oldest, keys)["sub"] == "alice"
    assert len({jwt.get_unverified_header(token)["kid"] for token in (oldest, newer)}) == 2
    issuer.rotate()
    verify(issuer, newer)
    with pytest.raises(jwt.PyJWKClientError):
        verify(issuer, oldest)


def test_private_parts_are_never_published(issuer: Issuer) -> None:
    issuer.rotate()
    published = httpx.get(f"{issuer.url}/.well-known/jwks.json").json()["keys"]
    assert len(published) == 2
    for key in published:
        assert not PRIVATE_PARTS & set(key)
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")


def test_a_token_of_another_issuer_does_not_verify(issuer: Issuer) -> None:
    forged = Issuer(issuer.url, AUDIENCE).token("alice")
    with pytest.raises(jwt.PyJWKClientError):
        verify(issuer, forged)


def test_a_token_ends_when_the_clock_says_so(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = tmp_path / "clock"
    monkeypatch.setenv(clock.VARIABLE, str(hand))
    hand.write_text("-3601")  # the issuer's clock is an hour back, the verifier's is not
    with pytest.raises(jwt.ExpiredSignatureError):
        verify(issuer, issuer.token("alice"))
    assert verify(issuer, issuer.token("alice", lifetime=timedelta(hours=2)))["sub"] == "alice"
    hand.write_text("86400")
    before = clock.now().timestamp()
    claims = jwt.decode(issuer.token("alice"), options={"verify_signature": False})
    assert int(before) <= claims["iat"] <= clock.now().timestamp()
    assert claims["exp"] == claims["iat"] + 3600


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"aud": "elsewhere"}, jwt.InvalidAudienceError),
        ({"iss": "https://evil.example"}, jwt.InvalidIssuerError),
        ({"exp": None}, jwt.MissingRequiredClaimError),
        ({"sub": None}, jwt.MissingRequiredClaimError),
    ],
)
def test_a_test_can_ask_for_a_wrong_token(
    standing: Issuer, overrides: dict[str, Any], error: type[jwt.PyJWTError]
) -> None:
    with pytest.raises(error):
        verify(standing, standing.token("alice", **overrides))


def test_no_key_is_made_before_one_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a key was made")

    monkeypatch.setattr("shared.issuer.tokens.ec.generate_private_key", refuse)
    create_app(Issuer("http://127.0.0.1:1", AUDIENCE))


def test_who_only_signs_tokens_needs_no_web_framework() -> None:
    code = (
        "import sys, shared.issuer; print({'fastapi', 'starlette', 'uvicorn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_keys_may_be_cached_and_nothing_else(issuer: Issuer) -> None:
    for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration"):
        assert httpx.get(issuer.url + path).headers["Cache-Control"] == "max-age=60"
    for path in ("/", f"/sign-in?return_to={CONSOLE}", "/sign-in", "/nothing"):
        assert httpx.get(issuer.url + path).headers["Cache-Control"] == "no-store"


def test_every_answer_is_guarded(issuer: Issuer) -> None:
    paths = ["/", "/sign-in", f"/sign-in?return_to={CONSOLE}", "/static/issuer.css", "/nothing"]
    for path in (*paths, "/.well-known/jwks.json"):
        headers = httpx.get(issuer.url + path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy)
        assert not [one for one in policy if "unsafe" in one or one.startswith("script-src")]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:3000", True),
        ("http://localhost:5173", True),
        ("http://[::1]:3000", True),
        ("http://localhost", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("http://127.0.0.1.evil.example:3000", False),
        ("http://evil.example/http://localhost:3000", False),
        ("null", False),
    ],
)
def test_only_pages_of_this_machine_may_fetch(standing: Issuer, origin: str, allowed: bool) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Headers": "content-type"}
    seen = [
        httpx.options(f"{standing.url}/token", headers=asked),
        httpx.post(f"{standing.url}/token", json={"user": "alice"}, headers={"Origin": origin}),
        httpx.get(f"{standing.url}/.well-known/jwks.json", headers={"Origin": origin}),
        httpx.get(f"{standing.url}/.well-known/openid-configuration", headers={"Origin": origin}),
    ]
    named = [answer.headers.get("Access-Control-Allow-Origin") for answer in seen]
    assert named == [origin if allowed else None] * 4
    # A page can send plain text anywhere without asking first. It is no body here.
    plain = {"Origin": origin, "Content-Type": "text/plain"}
    body = '{"user": "alice"}'
    assert httpx.post(f"{standing.url}/token", content=body, headers=plain).status_code == 422


def test_pages_of_this_machine_may_not_fetch_the_rest(issuer: Issuer) -> None:
    origin = {"Origin": "http://localhost:3000"}
    asked = {**origin, "Access-Control-Request-Method": "POST"}
    for answer in (
        httpx.options(f"{issuer.url}/rotate", headers=asked),
        httpx.get(f"{issuer.url}/", headers=origin),
        httpx.get(f"{issuer.url}/sign-in?return_to={CONSOLE}", headers=origin),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_signing_in_leads_back_with_a_token_in_the_fragment(issuer: Issuer) -> None:
    return_to, state = "http://localhost:8006/console?lang=en", "a1-b_2.c~3"
    asked = {"return_to": return_to, "state": state}
    page = httpx.get(f"{issuer.url}/sign-in", params=asked)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert re.findall('name="user" value="([^"]*)"', page.text) == ["alice", "bob"]
    assert re.findall('name="lifetime" value="([^"]*)"', page.text) == ["3600", "60", "10"]
    assert "form-action 'self' http://localhost:8006;" in page.headers["Content-Security-Policy"]
    hidden = dict(re.findall('type="hidden" name="([^"]*)" value="([^"]*)"', page.text))
    assert hidden == asked

    form = {**hidden, "user": "bob", "lifetime": "10"}
    answer = httpx.post(f"{issuer.url}/sign-in", data=form)
    assert answer.status_code == 303
    assert answer.headers["Cache-Control"] == "no-store"
    back, _, fragment = answer.headers["Location"].partition("#")
    assert back == return_to
    brought = {name: values[0] for name, values in parse_qs(fragment).items()}
    assert (brought["expires_in"], brought["state"]) == ("10", state)
    claims = verify(issuer, brought["access_token"])
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("bob", 10)


@pytest.mark.parametrize(
    "page",
    [
        "http://127.0.0.1:8006",
        "http://127.0.0.1:8006/",
        "http://127.0.0.1/",
        "http://localhost:8006/a/b.html?c=d&e=%20f",
        "http://localhost:8006?c",
        "http://[::1]:8006/",
        "http://127.0.0.1:8006//evil.example",  # a path of ours
        "http://127.0.0.1:8006/@evil.example",
    ],
)
def test_return_to_a_page_of_this_machine(page: str) -> None:
    parts = urlsplit(page)
    assert origin_of(page) == f"{parts.scheme}://{parts.netloc}"
    assert parts.hostname in {"127.0.0.1", "localhost", "::1"}


ELSEWHERE = [
    "",
    "/",
    "//evil.example",
    "//127.0.0.1:8006/",
    "https://127.0.0.1:8006/",
    "javascript:alert(1)//http://127.0.0.1",
    "http://evil.example/",
    "http://evil.example/?http://127.0.0.1/",
    "http://127.0.0.1.evil.example/",
    "http://localhost.evil.example/",
    "http://127.0.0.1evil.example/",
    "http://127.0.0.1:8006@evil.example/",
    "http://127.0.0.1@evil.example/",
    "http://alice@127.0.0.1:8006/",
    "http://localhost:80:80@evil.example",
    "http://127.0.0.1:8006\\@evil.example/",
    "http://127.0.0.1\\.evil.example/",
    "http:\\\\127.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1/",
    "http://127.0.0.1:8006/\\evil.example",
    "http://127.0.0.1:8006/\r\nLocation: http://evil.example",
    "http://127.0.0.1:8006/\n",
    "http://127.0.0.1:8006/\t",
    " http://127.0.0.1:8006/",
    "http://127.0.0.1:8006/ ",
    "http://127.0.0.1:8006/#access_token=mine",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:/",
    "http://127.0.0.1:８006/",
    "http://127.0.0.1:8006/é",
    "http://127.1/",
    "http://2130706433/",
    "http://0.0.0.0/",
    "http://[::1/",
    "http://[::ffff:127.0.0.1]/",
    'http://127.0.0.1/"><script>',
]


@pytest.mark.parametrize("page", ELSEWHERE)
def test_a_token_goes_to_no_other_page(standing: Issuer, page: str) -> None:
    with pytest.raises(ValueError, match="a page on this machine"):
        origin_of(page)
    form = {"user": "alice", "lifetime": "60", "return_to": page}
    for answer in (
        httpx.get(f"{standing.url}/sign-in", params={"return_to": page}),
        httpx.post(f"{standing.url}/sign-in", data=form),
    ):
        assert answer.status_code == 400
        assert "return_to must be a page on this machine" in answer.text
        assert "location" not in answer.headers
        assert "access_token=ey" not in answer.text
        assert "<script" not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "mallory"},
        {"user": "<script>"},
        {"lifetime": "99999"},
        {"lifetime": ""},
        {"state": "a\r\nb"},
        {"state": "a" * 201},
        {"state": '"><b>'},
    ],
)
def test_a_form_that_is_filled_in_by_hand(standing: Issuer, wrong: dict[str, str]) -> None:
    form = {"user": "alice", "lifetime": "60", "return_to": CONSOLE, "state": "s", **wrong}
    answer = httpx.post(f"{standing.url}/sign-in", data=form)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/sign-in", "/rotate"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_cannot_press_the_buttons(
    standing: Issuer, path: str, site: str
) -> None:
    before = standing.jwks()
    form = {"user": "alice", "lifetime": "60", "return_to": CONSOLE}
    answer = httpx.post(standing.url + path, data=form, headers={"Sec-Fetch-Site": site})
    assert answer.status_code == 403
    assert "location" not in answer.headers
    assert standing.jwks() == before


def test_the_page_shows_the_keys_and_makes_a_new_one(issuer: Issuer) -> None:
    [first] = [key["kid"] for key in issuer.jwks()["keys"]]
    page = httpx.get(issuer.url).text
    assert "alice, bob" in page
    assert re.findall("<code>([0-9a-f]{16})</code> ([a-z ]+)", page) == [(first, "signs now")]
    browser = {"Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{issuer.url}/rotate", headers=browser)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    second = issuer.jwks()["keys"][0]["kid"]
    found = re.findall("<code>([0-9a-f]{16})</code> ([a-z ]+)", httpx.get(issuer.url).text)
    assert found == [(second, "signs now"), (first, "signed before")]

    program = httpx.post(f"{issuer.url}/rotate")
    assert program.json() == {"kid": issuer.jwks()["keys"][0]["kid"]}
    assert program.json()["kid"] not in {first, second}
    token = sign_in(issuer, {"user": "alice"}).json()["access_token"]
    assert jwt.get_unverified_header(token)["kid"] == program.json()["kid"]


# ---- the process ----------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shared.issuer", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_serves_until_it_is_interrupted() -> None:
    with command("--port", "0", "--audience", "elsewhere") as process:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:[0-9]+", line)
        assert found, line
        url = found[0]
        token = httpx.post(f"{url}/token", json={"user": "bob"}, timeout=30).json()["access_token"]
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["iss"], claims["aud"]) == (url, "elsewhere")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")


def test_the_command_says_why_a_port_cannot_be_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        out, err = command("--port", str(port)).communicate(timeout=30)
    assert (out, err.count("\n")) == ("", 1)
    assert f"Port {port} is taken" in err
    with command("--port", "70000") as process:
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err.count("\n")) == (2, 1)
    assert "Port 70000 cannot be used" in err


def test_a_child_process_takes_the_port_or_another_and_ends_when_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with IssuerProcess("elsewhere", port=port) as child:  # taken: it finds a free one
            assert not child.url.endswith(f":{port}")
            found = httpx.get(f"{child.url}/.well-known/openid-configuration", timeout=30).json()
            assert found["issuer"] == child.url
            assert not child.ended
    with IssuerProcess(AUDIENCE, port=port) as child:
        assert child.url == f"http://127.0.0.1:{port}"
    assert child.ended  # at once, in the middle of its imports
    with pytest.raises(httpx.ConnectError):
        httpx.get(child.url)


def test_a_child_process_does_not_outlive_its_parent() -> None:
    code = (
        "import os, signal\n"
        "from shared.issuer.process import IssuerProcess\n"
        "print(IssuerProcess('elsewhere').url, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        url = parent.stdout.readline().strip()
        assert httpx.get(f"{url}/.well-known/jwks.json", timeout=30).status_code == 200
        parent.kill()
        # The child holds the other end of this pipe too: its end is the end of what can be read.
        assert parent.stdout.read() == ""
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
