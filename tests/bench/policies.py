"""Row-level security in figures: what a write costs with policies and without, 100 users at once.

`measure` runs this file as a program, which has nothing of the caller's settings.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import uvloop

from checkpoints.cluster import Cluster, ClusterError, Urls
from checkpoints.engine.warm import ROOT, scrubbed_environment
from checkpoints.setup import postgres
from shared.postgres import PostgresDatabase
from shared.postgres_server import CONNECTIONS
from tests.bench.figure import BenchError, Figure, ratio_of

USERS, WRITES_EACH = 100, 10
ROUNDS = 25
DATA = "x" * 600  # bytes, as an item has

SCHEMA = """
CREATE TABLE IF NOT EXISTS {table} (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL CHECK (user_id <> ''),
    id      TEXT NOT NULL,
    data    TEXT NOT NULL,
    UNIQUE (user_id, id)
);
"""
POLICY = """
ALTER TABLE locked ENABLE ROW LEVEL SECURITY;
ALTER TABLE locked FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rows ON locked;
CREATE POLICY own_rows ON locked USING (user_id = current_setting('app.user_id', true))
    WITH CHECK (user_id = current_setting('app.user_id', true));
"""
WRITE = "INSERT INTO {table} (user_id, id, data) VALUES (?, ?, ?)"

Write = Callable[[str, str], Awaitable[object]]


def measure() -> list[Figure]:
    """Measure Postgres, if there is one. About 15 seconds. Raises BenchError."""
    names = (
        "Postgres, a write of one of 100 users: with policies / on a table without",
        f"the same: with policies / a plain INSERT through a pool of {CONNECTIONS}",
    )
    if postgres.find() is None:
        return [Figure(name, [], "there is no Postgres on this machine") for name in names]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.policies"],
        cwd=ROOT,
        env=scrubbed_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"Postgres could not be measured.\n{done.stderr.strip()}")
    found = json.loads(done.stdout)
    return [
        ratio_of(name, found["policies"], found[below], "µs", at_most=1.5)
        for name, below in zip(names, ("none", "plain"), strict=True)
    ]


async def _measure(urls: Urls) -> dict[str, list[float]]:
    database = PostgresDatabase(urls.app, urls.owner)
    for table in ("locked", "open"):
        database.add_schema(SCHEMA.format(table=table))
    database.add_policies(POLICY)
    await database.rows("SELECT 1")
    pool = await asyncpg.create_pool(urls.app, min_size=CONNECTIONS, max_size=CONNECTIONS)
    locked, open_ = WRITE.format(table="locked"), WRITE.format(table="open")
    plain = "INSERT INTO open (user_id, id, data) VALUES ($1, $2, $3)"
    writes: dict[str, Write] = {
        "policies": lambda user, id_: database.for_user(user).write(locked, [user, id_, DATA]),
        "none": lambda user, id_: database.for_user(user).write(open_, [user, id_, DATA]),
        "plain": lambda user, id_: pool.execute(plain, user, id_, DATA),
    }
    found: dict[str, list[float]] = {name: [] for name in writes}
    for number in range(-1, ROUNDS):
        for name, write in writes.items():
            took = await _write_all(write, f"{name} {number}")
            if number >= 0:  # the round before the first opens connections and prepares plans
                found[name].append(took * 1e6 / (USERS * WRITES_EACH))
    await _none_lost(database)
    await pool.close()
    await database.close()
    return found


async def _write_all(write: Write, name: str) -> float:
    """The seconds until everybody has done their writes, one after the other."""

    async def user(user_id: str) -> None:
        for number in range(WRITES_EACH):
            await write(user_id, f"{name} {number}")

    began = time.perf_counter()
    await asyncio.gather(*(user(f"user {number}") for number in range(USERS)))
    return time.perf_counter() - began


async def _none_lost(database: PostgresDatabase) -> None:
    everything = database.for_maintenance()
    for table, kinds in (("locked", 1), ("open", 2)):
        [[kept]] = await everything.rows(f"SELECT count(*) FROM {table}")
        if kept != (written := kinds * (ROUNDS + 1) * USERS * WRITES_EACH):
            raise BenchError(f"{table} holds {kept} of {written} rows: the others were lost.")


def main() -> None:
    """Print the microseconds of a write, by kind, as JSON."""
    with tempfile.TemporaryDirectory(prefix="workbook-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # for whom Postgres runs as
        with Cluster(folder) as cluster:
            print(json.dumps(uvloop.run(_measure(cluster.create_database()))))


if __name__ == "__main__":
    try:
        main()
    except (ClusterError, BenchError) as error:
        sys.exit(str(error))
