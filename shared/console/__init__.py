"""The console: one static page at `/`, the chat on the left and the wire on the right.

Every lesson's server shows it, so that a learner sees what each event does the moment it arrives.
There is no build step: what lies in `static/` is what the browser runs.
"""

from __future__ import annotations

import json
import mimetypes
import os
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from shared.console.compare import BUFFERED, buffered_route
from shared.settings import get_settings

STATIC = Path(__file__).parent / "static"

# Model output is untrusted. These lines hold even where the page's own code is wrong: no script but
# ours, and no request to another origin, so that an answer cannot carry anything away.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ]
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # ask each time: a file that was just edited is the file shown
}

# Windows takes types from its registry, where .js is often text/plain, and nosniff refuses that.
mimetypes.add_type("text/javascript", ".js")


def mount_console(app: FastAPI, *, endpoint: str = "/chatkit") -> None:
    """Serve the console at `/` and its files under `/console/`; `/compare` is a second page.

    `endpoint` is the path the page sends its ChatKit requests to. The page's title is `app.title`.
    The server need not have that path yet: the page then says what is missing. Where the variable
    `CHATKIT_ISSUER` is set, the page lets people sign in there, in place of choosing a name.
    """

    async def index() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers=HEADERS)

    async def compare() -> FileResponse:
        return FileResponse(STATIC / "compare" / "index.html", headers=HEADERS)

    async def config() -> JSONResponse:
        # The setting has a default. Only a server that was told of an issuer has one running.
        issuer = get_settings().issuer if os.environ.get("CHATKIT_ISSUER", "").strip() else None
        content = {"endpoint": endpoint, "buffered": BUFFERED, "title": app.title, "issuer": issuer}
        return JSONResponse(content, headers=HEADERS)

    app.add_api_route("/", index, include_in_schema=False)
    app.add_api_route("/compare", compare, include_in_schema=False)
    app.router.routes.append(buffered_route(app, endpoint))
    app.add_api_route("/console/config.json", config, include_in_schema=False)
    app.mount("/console", _ConsoleFiles(directory=STATIC), name="console")


def mount_recording(app: FastAPI, recording: Path) -> None:
    """Serve a recorded conversation at `/`, to be stepped through, and the page's files as above.

    `recording` is a file that `checkpoints/record.py` wrote. The page's title is `app.title`.
    """

    async def index() -> FileResponse:
        return FileResponse(STATIC / "recorded" / "index.html", headers=HEADERS)

    def recorded() -> JSONResponse:
        content = json.loads(recording.read_text(encoding="utf-8"))
        return JSONResponse({"title": app.title, "recording": content}, headers=HEADERS)

    app.add_api_route("/", index, include_in_schema=False)
    app.add_api_route("/console/recording.json", recorded, include_in_schema=False)
    app.mount("/console", _ConsoleFiles(directory=STATIC), name="console")


class _ConsoleFiles(StaticFiles):
    """Static files that carry the headers above."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


__all__ = ["CONTENT_SECURITY_POLICY", "mount_console", "mount_recording"]
