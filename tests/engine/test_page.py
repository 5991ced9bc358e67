"""The page of a work: built from just its sources, with the workbook's configuration, or not at all."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from checkpoints import page
from checkpoints.engine.server import StudentServer
from checkpoints.engine.warm import make_starter
from checkpoints.setup import node, steps
from checkpoints.starter import manifest
from checkpoints.submission import work_files

pytestmark = pytest.mark.slow

MAIN = """
import os
from pathlib import Path
from fastapi import FastAPI
from shared.page import mount_page

app = FastAPI()
mount_page(app, Path(__file__).parent / "page" / "dist")

@app.get("/mode")
def mode() -> dict[str, str]:
    return {name: os.environ.get(name, "") for name in ("AUTH_MODE", "CHATKIT_BACKEND", "MORE")}
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work with the reference's page; its builds are kept where the test can see them."""
    monkeypatch.setattr(page, "BUILDS", tmp_path / "builds")
    shutil.copytree(page.REFERENCE, tmp_path / "app" / "page")
    (tmp_path / "app" / "main.py").write_text(MAIN)
    return tmp_path / "app"


def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def packages(folder: Path) -> Path:
        raise steps.SetupError("There is no network.")

    monkeypatch.setattr(node, "packages", packages)


def test_a_build_is_made_once_and_again_when_a_source_changes(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = page.built(app)
    assert (first / "index.html").is_file()
    assert (first / page.SOURCES).read_text().strip() == page.sources_hash(app)
    source = app / "page" / "src" / "main.tsx"
    source.write_text(source.read_text() + "\ndocument.title = 'changed';\n")
    second = page.built(app)
    assert second != first
    assert any("changed" in file.read_text() for file in second.rglob("*.js"))
    no_packages(monkeypatch)
    assert page.built(app) == second
    source.write_text(source.read_text() + "\ndocument.title = 'changed again';\n")
    with pytest.raises(page.NoPackages, match=r"has to be built .* There is no network"):
        page.built(app)


def test_what_the_students_configuration_says_is_not_run(app: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    harm = f"import {{ writeFileSync }} from 'node:fs'; writeFileSync('{ran}', '');\n"
    for name in ("vite.config.ts", "vite.config.js", "postcss.config.mjs"):
        (app / "page" / name).write_text(harm + "export default { plugins: [] };")
    (app / "page" / "package.json").write_text('{"type": "module", "browser": {}}')
    (app / "page" / ".env").write_text("VITE_X=1")
    (app / "page" / "node_modules" / "react").mkdir(parents=True)
    (app / "page" / "dist").mkdir()
    before = page.sources_hash(app)
    assert (page.built(app) / "index.html").is_file()
    assert not ran.exists()
    shutil.rmtree(app / "page" / "node_modules")
    assert page.sources_hash(app) == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("export const x =\n\n  (;\n", r"^page/src/main\.tsx, line 3: "),
        ("import x from 'left-pad';\nx();\n", r"^The page: .*left-pad.* \"src/main\.tsx\""),
        ("import x from './nowhere';\nx();\n", r"^page/src/main\.tsx: .*\./nowhere"),
    ],
)
def test_what_cannot_be_built_is_a_sentence(app: Path, code: str, said: str) -> None:
    (app / "page" / "src" / "main.tsx").write_text(code)
    with pytest.raises(page.PageError, match=said) as raised:
        page.built(app)
    assert "\x1b" not in str(raised.value)
    assert not list(page.BUILDS.iterdir())


def test_type_errors_are_told_and_do_not_hinder(app: Path) -> None:
    assert page.type_errors(app) == []
    (app / "page" / "src" / "main.tsx").write_text("\nconst n: number = 'x';\nexport { n };\n")
    assert (page.built(app) / "index.html").is_file()
    [error] = page.type_errors(app)
    assert error.startswith("page/src/main.tsx, line 2: Type 'string' is not assignable")


def test_a_build_that_came_with_the_work_counts_only_if_the_workbook_made_it(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page.put_beside(app)
    assert not page.put_beside(app)
    beside = app / page.DIST
    wanted = page.sources_hash(app)
    checkpoints = tmp_path / "checkpoints"
    (checkpoints / "L07").mkdir(parents=True)
    monkeypatch.setattr(page, "CHECKPOINTS", checkpoints)
    shutil.rmtree(page.BUILDS)
    assert page.built(app) == page.BUILDS / wanted, "whatever it says of itself"

    files = {
        f"app/page/dist/{file.relative_to(beside)}": file.read_bytes()
        for file in beside.rglob("*")
        if file.is_file()
    }
    (checkpoints / "L07" / "starter.sha256").write_text(manifest(files))
    no_packages(monkeypatch)
    shutil.rmtree(page.BUILDS)
    assert page.built(app) == beside, "the starter's own build needs no Node"

    (beside / "index.html").write_text("<!doctype html>all is well")
    with pytest.raises(page.NoPackages):
        page.built(app)


def test_the_starters_own_build_is_kept_when_another_takes_its_place(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.put_beside(app)
    monkeypatch.setattr(page, "_came_with_the_workbook", lambda folder, wanted: True)
    first = page.sources_hash(app)
    shutil.rmtree(page.BUILDS)
    source = app / "page" / "src" / "main.tsx"
    source.write_text(source.read_text() + "\n")
    monkeypatch.setattr(page, "built", lambda app: page.BUILDS / "other")
    (page.BUILDS / "other").mkdir(parents=True)
    (page.BUILDS / "other" / page.SOURCES).write_text("other")
    assert page.put_beside(app)
    assert (page.BUILDS / first / "index.html").is_file()
    assert (app / page.DIST / page.SOURCES).read_text() == "other"


def test_a_build_is_no_part_of_the_work(app: Path) -> None:
    before = work_files(app)
    page.put_beside(app)
    (app / "page" / "node_modules").mkdir()
    (app / "page" / "node_modules" / "x.js").touch()
    assert work_files(app) == before


# In the engine


@pytest.fixture
async def server(app: Path) -> AsyncIterator[StudentServer]:
    starter = make_starter()
    student = StudentServer(app, starter, {"MORE": "yes"})
    yield student
    await student.close()
    starter.close()


async def get(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.get(url)


async def test_the_server_gets_the_page_and_a_backend_where_its_mode_needs_one(
    server: StudentServer, app: Path
) -> None:
    await server.start()
    assert server.page_error is None
    assert (await get(f"{server.base_url}/app/")).text == (
        page.built(app) / "index.html"
    ).read_text()
    assert not (app / page.DIST).exists(), "nothing is written to the student's folder"
    assert (await get(f"{server.base_url}/mode")).json()["CHATKIT_BACKEND"] == ""

    await server.restart(AUTH_MODE="bff")
    front = (await get(f"{server.base_url}/mode")).json()
    back = (await get(f"{server.backend_url}/mode")).json()
    assert front == {"AUTH_MODE": "bff", "CHATKIT_BACKEND": server.backend_url, "MORE": "yes"}
    assert back == {"AUTH_MODE": "bearer", "CHATKIT_BACKEND": "", "MORE": "yes"}

    await server.restart(AUTH_MODE="bff", CHATKIT_BACKEND="http://127.0.0.1:1")
    front = (await get(f"{server.base_url}/mode")).json()
    assert front["CHATKIT_BACKEND"] == "http://127.0.0.1:1"
    assert not server.backend.running


async def test_a_page_that_cannot_be_built_leaves_the_server_as_it_is(
    server: StudentServer, app: Path
) -> None:
    (app / page.DIST).mkdir()
    (app / page.DIST / "index.html").write_text("an old one")
    (app / "page" / "src" / "main.tsx").write_text("const = 5;")
    await server.start()
    assert isinstance(server.page_error, page.PageError)
    answer = await get(f"{server.base_url}/app/")
    assert answer.status_code == 503
    assert (await get(f"{server.base_url}/mode")).status_code == 200
