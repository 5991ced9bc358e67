"""Who signs for the attacks of `make attack-NN`, and who serves keys that are not the issuer's."""

from __future__ import annotations

import json
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from typing import Self

import httpx

from checkpoints.engine.operations import Json
from shared.issuer import LIFETIME


# Not an `HTTPServer`: that looks up the machine's name, which can take seconds.
class KeyServer(ThreadingTCPServer):
    """A server of the attacker's own, on a free port of this machine.

    It serves a key set, while its `with` lasts, to a server that lets a token say where the key is.
    """

    daemon_threads = True  # whoever is still fetching keeps nobody waiting

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keys)
        self.keys: Json = {"keys": []}
        self.url = f"http://127.0.0.1:{self.server_address[1]}/jwks.json"

    def __enter__(self) -> Self:
        # It looks every 0.05 s whether it is to end.
        Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Say nothing: a server may hang up on the attacker's."""


class _Keys(BaseHTTPRequestHandler):
    server: KeyServer

    def do_GET(self) -> None:
        keys = json.dumps(self.server.keys).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(keys)))
        self.end_headers()
        self.wfile.write(keys)

    def log_message(self, *_: object) -> None:
        """Say nothing: the table tells what came of it."""


class RunningIssuer:
    """The issuer that runs beside the lesson's server: it signs, and keeps its private key."""

    def __init__(self, url: str, http: httpx.Client, elsewhere: KeyServer) -> None:
        self.url = url.rstrip("/")
        self._http = http
        self._elsewhere = elsewhere

    def token(
        self, user: str, *, lifetime: timedelta = LIFETIME, audience: str | None = None
    ) -> str:
        """A token of one of its users, for its own audience or another. Raises httpx.HTTPError."""
        asked = {"user": user, "lifetime": int(lifetime.total_seconds()), "audience": audience}
        answer = self._http.post(f"{self.url}/token", json=asked).raise_for_status()
        return str(answer.json()["access_token"])

    def jwks(self) -> Json:
        """Its public keys. Raises httpx.HTTPError."""
        answer = self._http.get(f"{self.url}/.well-known/jwks.json").raise_for_status()
        return dict(answer.json())

    def publish(self, keys: Json) -> str:
        """Serve keys that are not its own. Returns where."""
        self._elsewhere.keys = keys
        return self._elsewhere.url
