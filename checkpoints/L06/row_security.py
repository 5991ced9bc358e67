"""What the app's role can see and do in Postgres while some user is set, table by table.

Nothing is asked of the policies but what they do: one or four for a table, for everybody or for a
role, with any condition. A table counts if the app's role can reach it and it is, or may come to be,
about people.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkpoints.cluster import Urls
from checkpoints.engine.verdict import Failed
from checkpoints.L06.tables import App, Outcome, Row, Rows, Table, signed_in, told_apart_by

NOBODY = "zebedee"  # is no user of anything
_TRIED = "Let alice and bob talk and make tasks on Postgres. Signed in there as your server does"
_OWN = "(user_id = current_setting('app.user_id', true))"


@dataclass
class _Found:
    """A table, and the rows in it that came with alice and with bob, by place."""

    table: Table
    alice: dict[str, Row]
    bob: dict[str, Row]

    @property
    def name(self) -> str:
        return f"`{self.table.name}`"

    def plural(self, number: int) -> str:
        return f"{number} {'row' if number == 1 else 'rows'} of {self.name}"


async def require_row_security(
    urls: Urls, tables: list[Table], *, nobodys: Rows, alices: Rows, bobs: Rows
) -> None:
    """Raise Failed unless the app's role sees and changes only the rows of the user who is set.

    `nobodys` rows were there before anybody had said a word.
    """
    found = [
        _Found(table, alices.get(table.name, {}), bobs.get(table.name, {}))
        for table in tables
        if table.reachable
    ]
    # A table of versions, say, that only the start-up writes to.
    found = [one for one in found if one.alice or one.bob or not nobodys.get(one.table.name)]
    for one in found:
        _require_enabled(one)
    async with signed_in(urls) as app:
        unset = {one.name: await app.seen(one.table, None) for one in found}  # before any is set
        for one in found:
            await _require_reading(app, one, unset[one.name])
        for one in found:
            _require_forced(one)
            await _require_writing(app, one)
        for one in found:
            await _require_references(app, one, {other.table.name: other for other in found})


def _require_enabled(one: _Found) -> None:
    if one.table.owned:
        raise Failed(
            tried=f"{_TRIED}, and looked at whose the tables are.",
            observed=f"{one.name} belongs to the app's role, or to one that it may act as. It can "
            "take every policy away.",
            expected="The tables belong to the role of DATABASE_OWNER_URL, which runs the schemas. "
            "The app's role reads and writes them, and no more.",
            misconception="app-owns-tables",
        )
    if not one.table.view and not one.table.enabled:
        raise Failed(
            tried=f"{_TRIED}, and looked at what holds its tables.",
            observed=f"{one.name} has no row security: whoever forgets a condition there gets the "
            "rows of everybody.",
            expected="Every table has it, the given ones too: "
            f"`ALTER TABLE {one.name.strip('`')} ENABLE ROW LEVEL SECURITY`, "
            "`… FORCE ROW LEVEL SECURITY`, and a policy.",
            misconception="table-without-policy",
        )


def _require_forced(one: _Found) -> None:
    if not one.table.view and not one.table.forced:
        raise Failed(
            tried=f"{_TRIED}, and looked at what holds its tables.",
            observed=f"The policies of {one.name} do not hold the role that owns it.",
            expected=f"`ALTER TABLE {one.name.strip('`')} FORCE ROW LEVEL SECURITY`: without it "
            "whatever runs as the owner, a script or a function, sees everything.",
            misconception="not-forced",
        )


# Reading


async def _require_reading(app: App, one: _Found, unset: set[str]) -> None:
    """Each user sees their own rows, and nobody sees any."""
    by_bob = await app.seen(one.table, "bob")
    if not one.table.view and (of_alice := by_bob & one.alice.keys()):
        raise Failed(
            tried=f"{_TRIED}, set `app.user_id` to bob, and read {one.name} without a condition.",
            observed=f"{len(of_alice)} of alice's {one.plural(len(one.alice))} came back.",
            expected=f"The policy of {one.name} lets by only the rows of the user who is set: "
            f"`USING {_OWN}`, if the owner is in `user_id`.",
            misconception="policy-for-everybody",
        )
    empty, nobodys = [await app.seen(one.table, user) for user in ("", NOBODY)]
    for seen, when in (
        (unset, "while no user was set"),
        (empty, "with `app.user_id` set to ''"),
        (nobodys, "with `app.user_id` set to a name that nobody has"),
    ):
        if seen:
            raise Failed(
                tried=f"{_TRIED}, and read {one.name} without a condition, {when}.",
                observed=f"{len(seen)} rows came back.",
                expected="None. A query for which somebody forgot to set the user has to find "
                "nothing. Where no user is set, `current_setting('app.user_id', true)` is NULL, and "
                "after a first transaction on the connection it is ''.",
                misconception="open-without-user",
            )


# Writing


async def _require_writing(app: App, one: _Found) -> None:
    """With bob set, no row of alice's is made, taken, given or deleted."""
    if one.table.view or not (one.alice and one.bob):
        return
    of_alice, of_bob = (
        {name: row[name] for name in one.table.columns}
        for row in (next(iter(one.alice.values())), next(iter(one.bob.values())))
    )
    told_apart = told_apart_by(list(one.bob.values()), list(one.alice.values()))
    name_of_bob = {name: of_bob[name] for name in told_apart if name in of_bob}
    bobs = len(await app.seen(one.table, "bob"))

    made = await app.insert(one.table, "bob", of_alice)
    if not made.refused:
        raise _writes(one, "inserted a row in alice's name", _let_by(made), "INSERT")
    given = await app.overwrite(one.table, "bob", of_alice)
    if not given.refused and (given.touched or given.error):
        raise _writes(one, "put alice's name on bob's rows", _let_by(given), "UPDATE")
    if name_of_bob:
        taken = await app.overwrite(one.table, "bob", name_of_bob)
        if not taken.refused and (taken.touched > bobs or taken.error):
            raise _writes(one, "put bob's name on every row", _let_by(taken), "UPDATE")
    deleted = await app.delete_all(one.table, "bob")
    if deleted.touched > bobs:
        raise _writes(one, "deleted every row", _let_by(deleted), "DELETE")
    if not (await app.empty(one.table, "bob")).error:
        raise _writes(one, "emptied the table with TRUNCATE", "It is empty", "TRUNCATE")


def _let_by(outcome: Outcome) -> str:
    if outcome.error is None:
        return f"{outcome.touched} rows were written, alice's among them"
    [reason, *_] = str(outcome.error).splitlines()
    return f"No policy stood in the way, only this: {reason}"


def _writes(one: _Found, what: str, observed: str, command: str) -> Failed:
    if command == "TRUNCATE":
        expected = (
            "No policy holds TRUNCATE. The app's role needs SELECT, INSERT, UPDATE and DELETE, and "
            "is granted nothing else."
        )
    else:
        expected = (
            f"A policy holds for {command} too. `USING` says which rows are there for it, and "
            "`WITH CHECK` which rows may come of it. A policy `FOR ALL` that has only `USING` "
            "takes it for both."
        )
    return Failed(
        tried=f"{_TRIED}, set `app.user_id` to bob, and {what} ({one.name}).",
        observed=f"{observed}.",
        expected=expected,
        misconception="policy-does-not-check",
    )


# Foreign keys


async def _require_references(app: App, one: _Found, others: dict[str, _Found]) -> None:
    """No row of bob's refers to one of alice's: a foreign key looks past the policies."""
    for reference in one.table.references:
        to = others.get(reference.table)
        if to is None or not to.alice:
            continue
        of_alice = next(iter(to.alice.values()))
        new = {here: of_alice[there] for here, there in reference.columns.items()}
        for place in one.bob:
            moved = await app.overwrite(one.table, "bob", new, place)
            if moved.touched:
                keys = ", ".join(reference.columns)
                raise Failed(
                    tried=f"{_TRIED}, set `app.user_id` to bob, and made a row of his in {one.name} "
                    f"refer to a row of alice's in {to.name} ({keys}).",
                    observed="It was written. A foreign key looks for its row whatever the policies "
                    "say: so bob finds out what alice has, and hangs his rows on hers.",
                    expected="The owner is part of the key: `FOREIGN KEY (user_id, …) REFERENCES "
                    "… (user_id, …)`. Then bob's row can only refer to a row of his.",
                    misconception="key-without-owner",
                )
