"""A built page (Vite's `dist` folder) at `/app/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>No page yet</title>
<h1>The page has not been built</h1><p>In the folder <code>app/page</code>, type
<code>npm ci</code> and then <code>npm run build</code>. Then load this page again.</p></html>"""


def mount_page(
    app: FastAPI, folder: Path, *, path: str = "/app", headers: Mapping[str, str] | None = None
) -> None:
    """Serve `folder` below `path`, each file with `headers`.

    An address that names no file is one of the page's own (`/app/team`), and gets `index.html`. The
    folder may come later: until then the page says how to build it.
    """
    app.mount(path, _PageFiles(folder, headers or {}), name="page")


class _PageFiles(StaticFiles):
    def __init__(self, folder: Path, headers: Mapping[str, str]) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self.headers = headers

    async def check_config(self) -> None:
        """The folder need not be there yet."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            # Files have an extension; the page's own addresses have none.
            if error.status_code != 404 or Path(path).suffix:
                raise
            response = await self._index(scope)
        response.headers.update(self.headers)
        # Built files have a hash in their names. index.html names them, so it is asked for anew.
        kept = path.startswith("assets/") and response.status_code == 200
        response.headers["Cache-Control"] = "max-age=31536000, immutable" if kept else "no-cache"
        return response

    async def _index(self, scope: Scope) -> Response:
        try:
            return await super().get_response("index.html", scope)
        except HTTPException:
            return HTMLResponse(_NOT_BUILT, 503)


__all__ = ["mount_page"]
