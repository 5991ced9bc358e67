"""A built page: its files, its own addresses, and what is said before there is one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shared.page import mount_page
from shared.settings import Settings, SettingsError


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>built</title>")
    (folder / "assets" / "index-1a2b.js").write_text("run()")
    return folder


async def get(folder: Path, path: str, **headers: str) -> httpx.Response:
    app = FastAPI()
    mount_page(app, folder, headers=headers)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


@pytest.mark.parametrize("path", ["/app/", "/app/team", "/app/team/amina"])
async def test_every_address_of_the_page_gets_the_page(dist: Path, path: str) -> None:
    response = await get(dist, path)
    assert (response.status_code, response.text) == (200, "<title>built</title>")
    assert response.headers["Cache-Control"] == "no-cache"


async def test_files_with_a_hash_in_their_names_are_kept(dist: Path) -> None:
    response = await get(dist, "/app/assets/index-1a2b.js")
    assert response.text == "run()"
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/app/assets/index-0.js", "/app/../pyproject.toml"])
async def test_a_file_that_is_not_there_is_not_the_page(dist: Path, path: str) -> None:
    assert (await get(dist, path)).status_code == 404


async def test_all_of_it_has_the_headers(dist: Path) -> None:
    policy = {"Content-Security-Policy": "default-src 'none'"}
    for path in ("/app/", "/app/team", "/app/assets/index-1a2b.js"):
        response = await get(dist, path, **policy)
        assert response.headers["Content-Security-Policy"] == "default-src 'none'"


async def test_before_it_is_built_it_says_how_to(dist: Path) -> None:
    response = await get(dist.parent / "later", "/app/")
    assert response.status_code == 503
    assert "npm run build" in response.text


def test_a_mode_that_is_none_is_refused_with_a_sentence() -> None:
    assert Settings.from_environment({}).auth_mode == "bearer"
    assert Settings.from_environment({"AUTH_MODE": "bff"}).auth_mode == "bff"
    with pytest.raises(SettingsError, match="AUTH_MODE=basic is none of bearer, cookie, bff"):
        Settings.from_environment({"AUTH_MODE": "basic"})
