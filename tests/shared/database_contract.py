"""What every database must do, SQLite or Postgres.

Use it as a base class whose fixture `database` makes one with an empty table `notes`:

    class TestMyDatabase(DatabaseContract):
        REFUSED = the error of a row that a constraint refuses

        @pytest.fixture
        async def database(self) -> AsyncIterator[AnyDatabase]: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.database import AnyDatabase, Connection, ForeignKeyError
from tests.shared.notes import ADD, ALL, HANG_SECONDS, notes

NUMBERS = [str(number) for number in range(100)]


class Gate:
    """Work that keeps its transaction open until the gate is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, connection: Connection) -> None:
        self.entered.set()
        await self.opened.wait()


async def write_all(database: AnyDatabase, texts: list[str]) -> list[asyncio.Task[None]]:
    writes = [asyncio.create_task(database.write(ADD, [text])) for text in texts]
    await asyncio.sleep(0)
    return writes


class DatabaseContract:
    """The tests. They know nothing of the database but its public methods."""

    REFUSED: type[Exception]

    @pytest.fixture
    def gate(self) -> Gate:
        return Gate()

    @pytest.fixture
    async def held(self, database: AnyDatabase, gate: Gate) -> AsyncIterator[asyncio.Task[None]]:
        """A caller whose transaction is open until the gate is opened."""
        held = asyncio.create_task(database.transaction(gate))
        await gate.entered.wait()
        yield held
        gate.opened.set()  # before the database is closed, also when the test failed

    # Statements

    async def test_rows_know_their_columns_by_number_and_by_name(
        self, database: AnyDatabase
    ) -> None:
        await database.write(ADD, ["Grüße, 世界 👋🏽"])
        [row] = await database.rows("SELECT seq, text AS words FROM notes")
        seq, words = row
        assert (row["seq"], row[1]) == (seq, words) == (1, "Grüße, 世界 👋🏽")

    async def test_parameters_stand_where_the_question_marks_are(
        self, database: AnyDatabase
    ) -> None:
        sql = """
            SELECT ?2 || '?' || ?1 || '''?' AS "what?" -- isn't this a ?
            FROM notes WHERE text = ?1 AND text <> ?2
        """
        await database.write(ADD, ["b"])
        [row] = await database.rows(sql, ["b", "a"])
        assert row["what?"] == "a?b'?"

    async def test_a_statement_tells_how_many_rows_it_changed(self, database: AnyDatabase) -> None:
        async def count(connection: Connection) -> list[int]:
            added = [await connection.execute(ADD, [text]) for text in ("a", "b")]
            deleted = await connection.execute("DELETE FROM notes")
            return [one.rowcount for one in (*added, deleted)]

        assert await database.transaction(count) == [1, 1, 2]

    async def test_a_row_that_refers_to_none_is_a_foreign_key_error(
        self, database: AnyDatabase
    ) -> None:
        database.add_schema(
            "CREATE TABLE IF NOT EXISTS tags (name TEXT, note INTEGER REFERENCES notes (seq));"
        )
        tag = "INSERT INTO tags (name, note) VALUES (?, ?)"
        await database.write(ADD, ["a"])
        await database.write(tag, ["fine", 1])
        outcomes = await asyncio.gather(
            database.write(tag, ["fine too", 1]),
            database.write(tag, ["lost", 2]),
            database.transaction(lambda connection: connection.execute(tag, ["lost", 3])),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes[1:]] == [ForeignKeyError] * 2
        assert [row["name"] for row in await database.rows("SELECT name FROM tags")] == [
            "fine",
            "fine too",
        ]

    # Group commit

    async def test_the_order_holds_among_different_writes(self, database: AnyDatabase) -> None:
        async def add_two(connection: Connection) -> None:
            await connection.execute(ADD, ["b"])
            await connection.execute(ADD, ["c"])

        await asyncio.gather(
            database.write(ADD, ["a"]),
            database.transaction(add_two),
            database.write("UPDATE notes SET text = text || '!'"),
            database.write(ADD, ["d"]),
            database.write(ADD, ["e"]),
            database.write("DELETE FROM notes WHERE text IN (?, ?)", ["b!", "e"]),
        )
        assert await notes(database) == ["a!", "c!", "d"]

    async def test_only_the_culprit_hears_of_an_error(self, database: AnyDatabase) -> None:
        writes = (database.write(ADD, ["" if number == "50" else number]) for number in NUMBERS)
        everything = asyncio.gather(*writes, return_exceptions=True)
        outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
        assert isinstance(outcomes.pop(50), self.REFUSED)
        assert outcomes == [None] * 99
        assert await notes(database) == [number for number in NUMBERS if number != "50"]

    async def test_readers_do_not_wait_for_writers(
        self, database: AnyDatabase, held: asyncio.Task[None]
    ) -> None:
        assert await asyncio.wait_for(notes(database), HANG_SECONDS) == []
        assert not held.done()

    async def test_a_cancelled_caller_costs_the_others_nothing(
        self, database: AnyDatabase, gate: Gate, held: asyncio.Task[None]
    ) -> None:
        writes = await write_all(database, NUMBERS[:10])
        for task in (held, writes[0], writes[7]):
            task.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        everything = asyncio.gather(*writes, return_exceptions=True)
        outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
        assert [type(outcome) for outcome in outcomes].count(asyncio.CancelledError) == 2
        assert outcomes.count(None) == 8
        # What was asked for is done, in its place; only the answer was not wanted any more.
        assert await notes(database) == NUMBERS[:10]

    # Transactions

    async def test_a_transaction_is_kept_whole_or_not_at_all(self, database: AnyDatabase) -> None:
        def two(first: str, second: str) -> Callable[[Connection], Awaitable[int]]:
            async def work(connection: Connection) -> int:
                await connection.execute(ADD, [first])
                await connection.execute(ADD, [second])
                return len(list(await connection.execute_fetchall(ALL)))

            return work

        first, failed, last = await asyncio.gather(
            database.transaction(two("a", "b")),
            database.transaction(two("c", "")),
            database.transaction(two("d", "e")),
            return_exceptions=True,
        )
        assert isinstance(failed, self.REFUSED)
        assert (first, last) == (2, 4)
        assert await notes(database) == ["a", "b", "d", "e"]

    async def test_nobody_sees_half_of_a_transaction(
        self, database: AnyDatabase, gate: Gate
    ) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(ADD, ["a"])
            await gate(connection)
            await connection.execute(ADD, ["b"])

        assert await notes(database) == []
        written = asyncio.create_task(database.transaction(work))
        await gate.entered.wait()
        read = asyncio.create_task(notes(database))
        await asyncio.wait([read], timeout=0.1)  # SQLite in memory has to wait
        gate.opened.set()
        assert await read in ([], ["a", "b"])
        await written
        assert await notes(database) == ["a", "b"]

    async def test_an_exception_of_the_work_itself_undoes_it(self, database: AnyDatabase) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute(ADD, ["a"])
            raise LookupError("never mind")

        with pytest.raises(LookupError, match="never mind"):
            await database.transaction(work)
        await database.write(ADD, ["b"])
        assert await notes(database) == ["b"]

    @pytest.mark.parametrize(
        ("raised", "heard"),
        [(StopIteration, RuntimeError), (asyncio.CancelledError, asyncio.CancelledError)],
    )
    async def test_no_exception_of_the_work_leaves_anybody_waiting(
        self, database: AnyDatabase, raised: type[BaseException], heard: type[BaseException]
    ) -> None:
        def work(connection: Connection) -> Awaitable[None]:
            raise raised

        writes = database.transaction(work), database.write(ADD, ["a"])
        everything = asyncio.gather(*writes, return_exceptions=True)
        outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
        assert [type(outcome) for outcome in outcomes] == [heard, type(None)]
        assert await notes(database) == ["a"]

    async def test_work_that_waits_for_its_own_database_is_refused(
        self, database: AnyDatabase
    ) -> None:
        async def work(connection: Connection) -> None:
            await database.write(ADD, ["a"])

        with pytest.raises(RuntimeError, match="use its connection"):
            await database.transaction(work)

    async def test_many_users_at_once_lose_nothing(self, database: AnyDatabase) -> None:
        async def talk(user: str) -> None:
            for number in range(5):
                await database.for_user(user).write(ADD, [f"{user} {number}"])

        users = [f"user {number}" for number in range(50)]
        await asyncio.wait_for(asyncio.gather(*map(talk, users)), HANG_SECONDS)
        kept = await notes(database)
        for user in users:
            theirs = [text for text in kept if text.startswith(f"{user} ")]
            assert theirs == [f"{user} {number}" for number in range(5)]

    # Opening and closing

    async def test_closing_twice_is_fine_and_a_later_use_opens_again(
        self, database: AnyDatabase
    ) -> None:
        await database.write(ADD, ["a"])
        unfinished = asyncio.create_task(database.write(ADD, ["b"]))
        await asyncio.sleep(0)
        await asyncio.gather(database.close(), database.close())
        assert unfinished.done()
        assert await notes(database) == ["a", "b"]

    async def test_what_is_asked_for_while_it_closes_is_done(self, database: AnyDatabase) -> None:
        await database.write(ADD, ["a"])
        write, read = database.write(ADD, ["b"]), notes(database)
        kept = (await asyncio.gather(database.close(), write, read))[-1]
        assert kept in (["a"], ["a", "b"])  # it did not wait for the write
        assert await notes(database) == ["a", "b"]

    async def test_a_schema_may_come_late(self, database: AnyDatabase) -> None:
        await database.write(ADD, ["a"])
        database.add_schema("CREATE TABLE IF NOT EXISTS more (x TEXT)")
        assert await database.rows("SELECT x FROM more") == []
