"""Setting up a fresh machine ends in a working command or in a sentence, never a traceback."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.setup.skeleton import ROOT, Clone, Result, pin

pytestmark = pytest.mark.slow

OLD = "sys.version_info = (3, 9, 2, 'final', 0)"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine where nobody listens, and nobody can begin to."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


class Index:
    """A package index that answers nothing until `released`."""

    def __init__(self, wheels: Path) -> None:
        self.asked, self.released = threading.Event(), threading.Event()
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.set()
                index.released.wait(60)
                name = self.path.rsplit("/", 1)[1]
                links = "".join(f'<a href="/{w.name}">{w.name}</a>' for w in wheels.iterdir())
                body = (wheels / name).read_bytes() if name else links.encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/zip" if name else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"


@contextmanager
def slow_index(clone: Clone) -> Iterator[Index]:
    index = Index(clone.wheels)
    thread = threading.Thread(target=index.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.released.set()
        index.server.shutdown()
        index.server.server_close()


def finish(process: subprocess.Popen[str]) -> Result:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in out + err, err
    return Result(process.returncode, out, err)


def test_the_first_command_sets_up_and_runs(first_run: tuple[Clone, Result]) -> None:
    clone, result = first_run
    assert result.status == 0, result.err + clone.log.read_text()
    assert result.err == "Setting up (once, about a minute) …\n"
    assert result.out == "cli lesson 02 FROM=checkpoint\n"


def test_shared_can_be_imported_from_any_folder(first_run: tuple[Clone, Result]) -> None:
    clone, _ = first_run
    python = clone.venv / "bin/python"
    code = "import shared; print(shared.__file__)"
    output = subprocess.check_output([python, "-I", "-c", code], cwd="/", text=True)
    assert output.strip() == str(clone.root / "shared/__init__.py")


def test_the_second_command_installs_nothing(clone: Clone, closed_port: int) -> None:
    nowhere = clone.offline(f"http://127.0.0.1:{closed_port}/simple")
    result = clone.run("run", "--", "check", "02", **nowhere)
    assert (result.status, result.out, result.err) == (0, "cli check 02\n", "")
    assert not clone.log.exists()


def test_the_settings_of_other_pythons_do_no_harm(clone: Clone) -> None:
    result = clone.make("check-02", PYTHONHOME="/nowhere", PYTHONPATH=str(clone.wheels))
    assert (result.status, result.out) == (0, "cli check 02\n")


def test_a_new_lock_is_installed_into_the_same_venv(clone: Clone) -> None:
    (clone.venv / "kept").touch()
    pin(clone, "2.0")
    assert clone.run("run", "--", "progress").err.startswith("Setting up")
    assert (clone.site / "tiny/__init__.py").read_text() == "version = '2.0'\n"
    assert (clone.venv / "kept").exists()
    assert clone.run("run", "--", "progress").err == ""


# ---- which Python


def test_bootstrap_starts_on_old_pythons() -> None:
    source = (ROOT / "checkpoints/bootstrap.py").read_text(encoding="ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Starred, ast.AsyncFunctionDef)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions
    assert not any(f.returns or any(a.annotation for a in f.args.args) for f in functions)


def test_a_python_that_is_too_old_is_named(fresh: Clone) -> None:
    old = fresh.disguise("python3", OLD)
    result = fresh.run("run", "--", "lesson", "02", python=old, PATH=str(Path(old).parent))
    assert result.status == 2
    assert "needs Python 3.11 or newer; this is Python 3.9" in result.err
    assert "sudo apt install python3.11" in result.err
    assert "brew install python" in result.err
    assert not fresh.venv.exists()


def test_a_newer_python_on_the_path_is_found(clone: Clone) -> None:
    old = clone.disguise("python3", OLD)
    clone.disguise("python3.12")
    pin(clone, "2.0")
    result = clone.run("run", "--", "progress", python=old, PATH=str(Path(old).parent))
    assert "this is Python 3.9" not in result.err
    assert "Setting up" in result.err


def test_an_old_python_starts_a_workbook_that_is_set_up(clone: Clone) -> None:
    old = clone.disguise("python3", OLD)
    result = clone.run("run", "--", "progress", python=old, PATH="")
    assert (result.status, result.out) == (0, "cli progress\n")


def test_windows_is_shown_the_way_to_wsl(fresh: Clone) -> None:
    windows = fresh.disguise("python3", "os.name = 'nt'")
    result = fresh.run("run", "--", "progress", python=windows)
    assert result.status == 2
    assert "wsl --install" in result.err


def test_a_python_without_venv_names_the_package(fresh: Clone) -> None:
    python = fresh.disguise("python3", "sys.modules['ensurepip'] = None")
    result = fresh.run("run", "--", "progress", python=python, PATH=str(Path(python).parent))
    assert result.status == 2
    assert "sudo apt install python3." in result.err
    assert "-venv" in result.err


# ---- what can go wrong on the way


def test_no_network_is_said_and_the_next_call_goes_on(half_made: Clone, closed_port: int) -> None:
    (half_made.venv / "kept").touch()
    nowhere = half_made.offline(f"http://127.0.0.1:{closed_port}/simple")
    result = half_made.run("run", "--", "lesson", "02", **nowhere)
    assert result.status == 2
    assert "could not be reached" in result.err
    assert str(half_made.log) in result.err
    assert "pip install" in half_made.log.read_text()

    result = half_made.run("run", "--", "lesson", "02")
    assert (result.status, result.out) == (0, "cli lesson 02\n")
    assert (half_made.venv / "kept").exists(), "the venv was made anew for nothing"


def test_a_proxy_that_does_not_answer_is_named(half_made: Clone, closed_port: int) -> None:
    changes = half_made.offline("https://packages.invalid/simple")
    changes["PIP_PROXY"] = f"http://127.0.0.1:{closed_port}"
    result = half_made.run("run", "--", "progress", **changes)
    assert result.status == 2
    assert "proxy did not let the packages through" in result.err


def test_a_package_that_was_changed_on_the_way_is_refused(half_made: Clone) -> None:
    lock = half_made.root / "requirements.lock"
    lock.write_text(f"tiny==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    result = half_made.run("run", "--", "progress")
    assert result.status == 2
    assert "is not the one that was pinned" in result.err
    assert not (half_made.site / "tiny").exists()


def test_a_package_without_a_wheel_for_this_machine_is_named(half_made: Clone) -> None:
    pin(half_made, "3.0")
    wheel = half_made.wheels / "tiny-3.0-py3-none-any.whl"
    wheel.rename(wheel.with_name("tiny-3.0-cp27-cp27m-win32.whl"))
    result = half_made.run("run", "--", "progress")
    assert result.status == 2
    assert "no ready-made package tiny==3.0 for Python" in result.err
    assert "PYTHON=python3.12" in result.err


def test_pip_settings_that_install_elsewhere_are_set_aside(half_made: Clone) -> None:
    elsewhere = half_made.root.parent / "elsewhere"
    result = half_made.run("run", "--", "progress", PIP_USER="1", PIP_TARGET=str(elsewhere))
    assert (result.status, result.out) == (0, "cli progress\n")
    assert not elsewhere.exists()


def test_ctrl_c_stops_with_a_sentence_and_the_next_call_goes_on(half_made: Clone) -> None:
    with slow_index(half_made) as index:
        process = half_made.begin("run", "--", "progress", **half_made.offline(index.url))
        assert index.asked.wait(60)
        os.killpg(process.pid, signal.SIGINT)
        result = finish(process)
    assert result.status == 130
    assert "Stopped. Type the same command again to go on." in result.err
    assert half_made.run("run", "--", "progress").out == "cli progress\n"


def test_two_at_once_take_turns(half_made: Clone) -> None:
    with slow_index(half_made) as index:
        changes = half_made.offline(index.url)
        first = half_made.begin("run", "--", "check", "02", **changes)
        assert index.asked.wait(60)
        second = half_made.begin("run", "--", "check", "03", **changes)
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()
        index.released.set()
        results = finish(first), finish(second)
    assert [result.out for result in results] == ["cli check 02\n", "cli check 03\n"]
    assert results[1].err == "", "the second installed once more"


def test_a_killed_set_up_leaves_no_two_pips_at_work(half_made: Clone) -> None:
    with slow_index(half_made) as index:
        changes = half_made.offline(index.url)
        first = half_made.begin("run", "--", "progress", **changes)
        assert index.asked.wait(60)
        first.kill()  # its pip lives on
        second = half_made.begin("run", "--", "progress", **changes)
        assert second.stderr is not None
        assert "waiting for it" in second.stderr.readline()
        index.released.set()
        assert finish(second).out == "cli progress\n"
        first.communicate(timeout=60)


# ---- what can happen to a finished set-up


def lose_the_interpreter(clone: Clone) -> None:
    for link in (clone.venv / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python3")


def lose_what_makes_it_a_venv(clone: Clone) -> None:
    (clone.venv / "pyvenv.cfg").unlink()


def lose_a_packages_files(clone: Clone) -> None:
    shutil.rmtree(clone.site / "tiny")


def lose_everything_but_the_stamp(clone: Clone) -> None:
    shutil.rmtree(clone.venv / "lib")


def come_from_another_place(clone: Clone) -> None:
    clone.stamp.write_text(clone.stamp.read_text().replace(str(clone.root), "/home/before"))


def be_half_made(clone: Clone) -> None:
    clone.stamp.unlink()
    shutil.rmtree(clone.site / "pip")


def become_no_program(clone: Clone) -> None:
    python = clone.venv / "bin/python"
    python.unlink()
    python.write_bytes(b"\x00")
    python.chmod(0o755)
    lines = clone.stamp.read_text().splitlines()
    lines = [f"python {python}" if line.startswith("python ") else line for line in lines]
    clone.stamp.write_text("\n".join(lines))


@pytest.mark.parametrize(
    "mishap",
    [
        lose_the_interpreter,
        lose_what_makes_it_a_venv,
        lose_a_packages_files,
        lose_everything_but_the_stamp,
        come_from_another_place,
        be_half_made,
        become_no_program,
    ],
)
def test_a_broken_venv_is_made_anew(
    clone: Clone, first_run: tuple[Clone, Result], mishap: Callable[[Clone], None]
) -> None:
    (clone.venv / "old").touch()
    mishap(clone)
    python = clone.disguise("python3", venv=first_run[0].venv)
    result = clone.run("run", "--", "check", "02", python=python)
    assert (result.status, result.out) == (0, "cli check 02\n"), result.err
    assert not (clone.venv / "old").exists()
    assert clone.run("run", "--", "check", "02").err == ""


def test_a_removed_package_comes_back(clone: Clone) -> None:
    shutil.rmtree(next(clone.site.glob("tiny-*.dist-info")))
    result = clone.run("run", "--", "check", "02")
    assert (result.status, result.out) == (0, "cli check 02\n")
    assert list(clone.site.glob("tiny-*.dist-info"))


def test_a_lock_file_that_is_gone_is_named(clone: Clone) -> None:
    (clone.root / "requirements.lock").unlink()
    result = clone.run("run", "--", "progress")
    assert result.status == 2
    assert f"{clone.root}/requirements.lock is missing" in result.err


@pytest.mark.parametrize("name", [".workbook", ".venv"])
def test_a_file_in_the_way_is_named(fresh: Clone, name: str) -> None:
    (fresh.root / name).write_text("not a folder")
    result = fresh.run("run", "--", "progress")
    assert result.status == 2
    assert str(fresh.root / name) in result.err
    assert (fresh.root / name).read_text() == "not a folder"
