"""Postgres: the contract, owners that the database itself keeps apart, and servers that go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from checkpoints.cluster import Cluster, Urls
from checkpoints.postgres import temporary
from shared import database as database_module
from shared.database import AnyDatabase, Connection, DatabaseError, open_database
from shared.postgres import PostgresDatabase
from shared.settings import Settings
from tests.shared.database_contract import NUMBERS, DatabaseContract, Gate, write_all
from tests.shared.notes import ADD, HANG_SECONDS, notes, notes_in

OWNED = """
CREATE TABLE IF NOT EXISTS owned (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    number  INTEGER NOT NULL
);
"""
POLICY = """
ALTER TABLE owned ENABLE ROW LEVEL SECURITY;
ALTER TABLE owned FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rows ON owned;
CREATE POLICY own_rows ON owned USING (user_id = current_setting('app.user_id', true))
    WITH CHECK (user_id = current_setting('app.user_id', true));
"""
PUT = "INSERT INTO owned (user_id, number) VALUES (?, ?)"
NUMBERS_OF_ALL = "SELECT user_id, number FROM owned ORDER BY seq"


def postgres_at(urls: Urls, owner: bool = True) -> PostgresDatabase:
    """Return the database with `notes`, which have no owner, and `owned`, a table with a policy."""
    database = notes_in(PostgresDatabase(urls.app, urls.owner if owner else None))
    database.add_schema(OWNED)
    database.add_policies(POLICY)
    return database


@pytest.fixture
async def database(postgres: Urls) -> AsyncIterator[PostgresDatabase]:
    database = postgres_at(postgres)
    yield database
    await database.close()


@pytest.fixture
async def second(postgres: Urls) -> AsyncIterator[PostgresDatabase]:
    """The same database as another process has it."""
    database = postgres_at(postgres)
    yield database
    await database.close()


async def owned(database: AnyDatabase) -> list[tuple[str, int]]:
    return [tuple(row) for row in await database.rows(NUMBERS_OF_ALL)]


class TestContract(DatabaseContract):
    REFUSED = asyncpg.CheckViolationError

    @pytest.fixture
    async def database(self, postgres: Urls) -> AsyncIterator[AnyDatabase]:
        database = postgres_at(postgres)
        yield database
        await database.close()


class TestContractOfOneUser(DatabaseContract):
    REFUSED = asyncpg.CheckViolationError

    @pytest.fixture
    async def database(self, postgres: Urls) -> AsyncIterator[AnyDatabase]:
        database = postgres_at(postgres)
        yield database.for_user("alice")
        await database.close()


# Owners


@pytest.mark.parametrize("name", ["alice", "o'brien'); DROP TABLE owned; --", "世界", "\\x41", " "])
async def test_everybody_finds_only_what_is_theirs(database: PostgresDatabase, name: str) -> None:
    them, bob = database.for_user(name), database.for_user("bob")
    await them.write(PUT, [name, 1])
    await bob.write(PUT, ["bob", 2])
    await them.write("UPDATE owned SET number = number + 10")
    assert await owned(them) == [(name, 11)]
    assert await owned(bob) == [("bob", 2)]
    assert await owned(database) == []
    assert await owned(database.for_maintenance()) == [(name, 11), ("bob", 2)]


async def test_a_row_of_somebody_else_is_refused(database: PostgresDatabase) -> None:
    alice = database.for_user("alice")
    for refused in (database, alice):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await refused.write(PUT, ["bob", 1])
    await alice.write(PUT, ["alice", 2])
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await alice.write("UPDATE owned SET user_id = 'bob'")
    assert await owned(database.for_maintenance()) == [("alice", 2)]


async def test_no_connection_keeps_a_name(database: PostgresDatabase) -> None:
    everybody = [database.for_user(f"user {number}") for number in range(30)]
    await asyncio.gather(*(user.write(PUT, [f"user {n}", n]) for n, user in enumerate(everybody)))
    connections = database._pool()._connections
    assert connections is not None
    async with connections.acquire() as one:  # with no transaction around it that names nobody
        assert not await one.fetchval("SELECT current_setting('app.user_id', true)")
    assert await asyncio.gather(*(owned(database) for _ in range(30))) == [[]] * 30


async def test_the_app_may_not_open_the_lock(database: PostgresDatabase) -> None:
    alice = database.for_user("alice")
    for attempt in (
        "ALTER TABLE owned DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_rows ON owned",
        "SET ROLE chatkit_maintenance",
        "SET ROLE chatkit_owner",
        "TRUNCATE owned",
        "CREATE TABLE mine (x int)",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await alice.write(attempt)


@pytest.mark.parametrize("name", ["", "a\0b"])
async def test_what_is_no_name_is_refused(database: PostgresDatabase, name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a user's name"):
        database.for_user(name)


async def test_the_owner_of_the_tables_sees_nobodys_rows(
    database: PostgresDatabase, postgres: Urls
) -> None:
    await database.for_user("alice").write(PUT, ["alice", 1])
    assert await owned(PostgresDatabase(postgres.owner)) == []


async def test_the_maintenance_needs_the_owner(database: PostgresDatabase, postgres: Urls) -> None:
    await database.for_user("alice").write(PUT, ["alice", 1])
    without = postgres_at(postgres, owner=False)
    assert await owned(without.for_user("alice")) == [("alice", 1)]
    with pytest.raises(DatabaseError, match="Set DATABASE_OWNER_URL"):
        await owned(without.for_maintenance())
    with pytest.raises(DatabaseError, match="Set DATABASE_OWNER_URL"):
        await without.for_maintenance().write("DELETE FROM owned")
    await without.close()


# Order, and who waits for whom


async def test_users_do_not_wait_for_each_other(database: PostgresDatabase) -> None:
    gate = Gate()
    held = asyncio.create_task(database.for_user("alice").transaction(gate))
    await gate.entered.wait()
    write = asyncio.create_task(database.for_user("bob").write(PUT, ["bob", 1]))
    done, _ = await asyncio.wait([write], timeout=HANG_SECONDS)
    gate.opened.set()
    await asyncio.gather(held, write)
    assert done


async def test_a_user_waits_for_their_own_transaction_in_another_process(
    database: PostgresDatabase, second: PostgresDatabase
) -> None:
    await notes(second)  # it is open
    gate = Gate()
    held = asyncio.create_task(database.for_user("alice").transaction(gate))
    await gate.entered.wait()
    write = asyncio.create_task(second.for_user("alice").write(PUT, ["alice", 1]))
    done, _ = await asyncio.wait([write], timeout=0.2)
    gate.opened.set()
    await asyncio.gather(held, write)
    assert not done


async def test_no_update_is_lost_among_processes(
    database: PostgresDatabase, second: PostgresDatabase
) -> None:
    async def count_up(connection: Connection) -> None:
        [row] = await connection.execute_fetchall("SELECT number FROM owned")
        await connection.execute("UPDATE owned SET number = ?", [row["number"] + 1])

    await database.for_user("alice").write(PUT, ["alice", 0])
    await asyncio.gather(
        *((database, second)[n % 2].for_user("alice").transaction(count_up) for n in range(60))
    )
    assert await owned(database.for_user("alice")) == [("alice", 60)]


async def test_what_waits_for_a_user_is_one_transaction(database: PostgresDatabase) -> None:
    gate = Gate()
    alice = database.for_user("alice")
    held = asyncio.create_task(alice.transaction(gate))
    await gate.entered.wait()
    writes = await write_all(alice, NUMBERS)
    gate.opened.set()
    await asyncio.gather(held, *writes)
    [[transactions]] = await database.rows("SELECT count(DISTINCT xmin::text) FROM notes")
    assert transactions == 1
    assert await notes(database) == NUMBERS


async def test_users_who_lock_each_other_out_both_get_through(database: PostgresDatabase) -> None:
    both = asyncio.Barrier(2)

    def change(first: str, then: str) -> Any:
        met = False

        async def work(connection: Connection) -> None:
            nonlocal met
            sql = "UPDATE notes SET text = text || '!' WHERE text LIKE ?"
            await connection.execute(sql, [f"{first}%"])
            if not met:
                met = True
                await both.wait()
            await connection.execute(sql, [f"{then}%"])

        return work

    await asyncio.gather(database.write(ADD, ["a"]), database.write(ADD, ["b"]))
    await asyncio.wait_for(
        asyncio.gather(
            database.for_user("alice").transaction(change("a", "b")),
            database.for_user("bob").transaction(change("b", "a")),
        ),
        HANG_SECONDS,
    )
    assert sorted(await notes(database)) == ["a!!", "b!!"]


async def test_writers_that_are_cancelled_at_random_moments_write_whole_or_not_at_all(
    database: PostgresDatabase,
) -> None:
    def twice(number: int) -> Any:
        async def work(connection: Connection) -> None:
            for _ in range(2):
                await connection.execute(ADD, [str(number)])

        return work

    tasks = [
        asyncio.create_task(database.for_user(f"user {n % 7}").transaction(twice(n)))
        for n in range(200)
    ]
    for number, task in enumerate(tasks):
        if number % 3 == 0:
            task.cancel()
        if number % 10 == 0:
            await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await database.close()  # what was cancelled may still be on its way
    kept = await notes(database)
    answered = {str(n) for n, outcome in enumerate(outcomes) if outcome is None}
    assert answered <= set(kept)
    assert all(kept.count(text) == 2 for text in kept)


async def test_a_transaction_that_hides_an_error_is_not_taken_for_kept(
    database: PostgresDatabase,
) -> None:
    async def work(connection: Connection) -> None:
        await connection.execute(ADD, ["a"])
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(ADD, [""])

    with pytest.raises(RuntimeError, match="nothing of it was kept"):
        await database.transaction(work)
    assert await notes(database) == []


# Schemas


async def test_workers_that_start_at_once_make_the_tables_once(postgres: Urls) -> None:
    workers = [postgres_at(postgres) for _ in range(4)]
    await asyncio.gather(
        *(worker.for_user("alice").write(PUT, ["alice", n]) for n, worker in enumerate(workers))
    )
    assert len(await owned(workers[0].for_user("alice"))) == 4
    await asyncio.gather(*(worker.close() for worker in workers))


async def test_a_schema_that_fails_leaves_nothing_behind(database: PostgresDatabase) -> None:
    await database.write(ADD, ["a"])
    database.add_schema("CREATE TABLE half (x INTEGER); CREATE TABLE (y);")
    for _ in range(2):
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await database.write(ADD, ["b"])


async def test_plans_survive_a_change_of_the_table(
    database: PostgresDatabase, postgres: Urls
) -> None:
    everything = "SELECT * FROM notes"
    await database.write(ADD, ["a"])
    for _ in range(20):
        await asyncio.gather(*(database.rows(everything) for _ in range(10)))
    owner = PostgresDatabase(postgres.owner)
    await owner.write("ALTER TABLE notes ADD COLUMN more TEXT DEFAULT 'more'")
    await owner.close()
    found = await asyncio.gather(*(database.rows(everything) for _ in range(20)))
    assert [row["more"] for [row] in found] == ["more"] * 20


async def test_the_character_nul_breaks_nothing(database: PostgresDatabase) -> None:
    await database.write(ADD, ["a\0b"])
    assert await database.rows("SELECT 1 FROM notes WHERE text = ?", ["a\0b"])


# Trouble


async def test_wrong_statements_keep_their_own_errors(database: PostgresDatabase) -> None:
    with pytest.raises(asyncpg.UndefinedTableError, match="nowhere"):
        await database.rows("SELECT * FROM nowhere")
    with pytest.raises(asyncpg.InterfaceError, match="arguments"):
        await database.write(ADD, ["too", "many"])
    with pytest.raises(asyncpg.DataError):
        await database.write(PUT, ["alice", "one"])
    assert await notes(database) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda url: url.replace("@", "x@"), r"does not let chatkit_app in.*Correct DATABASE_URL"),
        (lambda url: url + "x", r"has no database chatkit_\w+x\. Make it"),
        (lambda url: url.replace("127.0.0.1", "127.0.0.2"), r"does not answer\. Start it"),
        (lambda url: url.replace("postgresql", "mysql"), r"is not the URL of a Postgres database"),
        (lambda url: "postgresql://[", r"is not the URL of a Postgres database"),
    ],
)
async def test_what_is_wrong_with_a_url_is_said(postgres: Urls, change: Any, sentence: str) -> None:
    with pytest.raises(DatabaseError, match=sentence) as raised:
        await PostgresDatabase(change(postgres.app)).write(ADD, ["a"])
    assert postgres.app.split(":")[2].split("@")[0] not in str(raised.value)


async def test_the_owners_url_is_the_one_that_is_named(postgres: Urls) -> None:
    wrong = PostgresDatabase(postgres.app, postgres.owner.replace("@", "x@"))
    wrong.add_schema("SELECT 1")
    with pytest.raises(DatabaseError, match="Correct DATABASE_OWNER_URL"):
        await wrong.rows("SELECT 1")


async def test_connections_that_died_are_replaced(
    database: PostgresDatabase, cluster: Cluster
) -> None:
    async def use() -> None:
        users = [database.for_user(f"user {number}") for number in range(20)]
        await asyncio.gather(*(user.write(ADD, ["a"]) for user in users))

    for _ in range(3):
        await use()
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'chatkit_app'"
        )
    assert len(await notes(database)) == 60


async def test_work_whose_connection_dies_is_done_once(database: PostgresDatabase) -> None:
    tries = 0

    async def work(connection: Connection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(ADD, ["a"])
        if tries == 1:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    await database.transaction(work)
    assert (tries, await notes(database)) == (2, ["a"])


def test_a_server_that_stops_and_comes_back() -> None:
    with temporary() as cluster:
        database = postgres_at(cluster.create_database())

        async def through_a_restart() -> list[str]:
            await asyncio.gather(
                *(database.for_user(str(n)).write(ADD, ["before"]) for n in range(10))
            )
            cluster.stop()
            outcomes = await asyncio.gather(
                *(database.for_user(str(n)).write(ADD, ["never"]) for n in range(10)),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [DatabaseError] * 10
            assert "does not answer. Start it" in str(outcomes[0])
            cluster.start()
            await database.write(ADD, ["after"])
            return await notes(database)

        assert asyncio.run(through_a_restart()) == ["before"] * 10 + ["after"]
        asyncio.run(database.close())


# Event loops, and the way there


@pytest.fixture
def outlives(postgres: Urls) -> Iterator[PostgresDatabase]:
    database = postgres_at(postgres)
    yield database
    asyncio.run(database.close())


def test_a_database_outlives_event_loops(outlives: PostgresDatabase) -> None:
    async def add_and_leave(number: int) -> None:
        left_behind = asyncio.create_task(outlives.write(ADD, [f"{number} left behind"]))
        await outlives.write(ADD, [str(number)])
        left_behind.cancel()

    for number in range(3):
        asyncio.run(add_and_leave(number))
    kept = asyncio.run(notes(outlives))
    assert kept == [f"{number}{end}" for number in range(3) for end in ("", " left behind")]


async def test_open_database_goes_where_the_settings_say(
    postgres: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(database_url=postgres.app, database_owner_url=postgres.owner)
    monkeypatch.setattr(database_module, "get_settings", lambda: settings)
    database = notes_in(open_database())
    await database.write(ADD, ["a"])
    assert isinstance(database, PostgresDatabase)
    await database.shrink()
    await database.close()
