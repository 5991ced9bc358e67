"""Lesson 6's look into Postgres takes any design that holds, and names what is wrong with others."""

from __future__ import annotations

import pytest

from checkpoints.cluster import Cluster, Urls
from checkpoints.engine.verdict import Failed
from checkpoints.L06.row_security import require_row_security
from checkpoints.L06.tables import Look, new_rows

pytestmark = pytest.mark.slow  # starts a Postgres

USER = "current_setting('app.user_id', true)"
NOTES = """
CREATE TABLE notes (owner text NOT NULL, number int, words text, PRIMARY KEY (owner, number));
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
"""
OWN_NOTES = f"CREATE POLICY own ON notes USING (owner = {USER});"
TAGS = """
CREATE TABLE tags (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner text NOT NULL,
    number int NOT NULL,
    tag text,
    upper text GENERATED ALWAYS AS (upper(tag)) STORED,
    {key}
);
ALTER TABLE tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE tags FORCE ROW LEVEL SECURITY;
"""
OWN_TAGS = f"CREATE POLICY own ON tags USING (owner = {USER});"
# Chapters have no owner of their own: they are whose the book is.
BOOKS = f"""
CREATE TABLE books (id int PRIMARY KEY, owner text NOT NULL);
CREATE TABLE "the chapters" (id int GENERATED ALWAYS AS IDENTITY, book int REFERENCES books);
ALTER TABLE books ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE "the chapters" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON books USING (owner = {USER});
CREATE POLICY own ON "the chapters" USING (EXISTS (SELECT 1 FROM books WHERE id = book));
"""
GRANT = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO chatkit_app;"

SOME_NOTES = [
    f"INSERT INTO notes VALUES ('{name}', 1, 'one of {name}'), ('{name}', 2, 'two of {name}')"
    for name in ("alice", "bob")
]
SOME_TAGS = [
    f"{notes}; INSERT INTO tags (owner, number, tag) VALUES ('{name}', 1, 'a'), ('{name}', 2, 'b')"
    for name, notes in zip(("alice", "bob"), SOME_NOTES, strict=True)
]
SOME_BOOKS = [
    f"INSERT INTO books VALUES ({first}, '{name}'), ({first + 1}, '{name}');"
    f'INSERT INTO "the chapters" (book) VALUES ({first}), ({first + 1})'
    for name, first in (("alice", 1), ("bob", 3))
]
RENAMED = f"CREATE POLICY own ON notes TO chatkit_app USING (owner = {USER} AND owner <> '');"
STRICT = "CREATE POLICY own ON notes USING (owner = current_setting('app.user_id'));"
OF_THE_OWNER = "FOREIGN KEY (owner, number) REFERENCES notes (owner, number)"

RIGHT = {
    "one policy": (NOTES + OWN_NOTES + GRANT, SOME_NOTES),
    "for a role": (NOTES + RENAMED + GRANT, SOME_NOTES),
    "an error without a user": (NOTES + STRICT + GRANT, SOME_NOTES),
    "no rights at all": (NOTES, SOME_NOTES),
    "keys with the owner": (
        NOTES + OWN_NOTES + TAGS.format(key=OF_THE_OWNER) + OWN_TAGS + GRANT,
        SOME_TAGS,
    ),
    "chapters of books": (BOOKS + GRANT, SOME_BOOKS),
    "versions beside it": (
        NOTES + OWN_NOTES + "CREATE TABLE versions AS SELECT 1 AS version;" + GRANT,
        SOME_NOTES,
    ),
    "a view under policies": (
        NOTES + OWN_NOTES + "CREATE VIEW numbers AS SELECT number FROM notes;" + GRANT,
        SOME_NOTES,
    ),
}

WRONG = {
    "no policy": ("table-without-policy", "CREATE TABLE notes (owner text, n int, words text);"),
    "an empty table without": (
        "table-without-policy",
        NOTES + OWN_NOTES + "CREATE TABLE more (owner text);",
    ),
    "not forced": (
        "not-forced",
        NOTES + OWN_NOTES + "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY;",
    ),
    "everybody": ("policy-for-everybody", NOTES + "CREATE POLICY own ON notes USING (true);"),
    "who is empty": (
        "open-without-user",
        NOTES + f"CREATE POLICY own ON notes USING (owner = {USER} OR {USER} = '');",
    ),
    "who is not set": (
        "open-without-user",
        NOTES + f"CREATE POLICY own ON notes USING (owner = {USER} OR {USER} IS NULL);",
    ),
    "any insert": (
        "policy-does-not-check",
        NOTES + f"CREATE POLICY own ON notes USING (owner = {USER}) WITH CHECK (true);",
    ),
    "any update": (
        "policy-does-not-check",
        NOTES
        + f"CREATE POLICY own ON notes USING (owner = {USER});"
        + f"CREATE POLICY others ON notes FOR UPDATE USING (true) WITH CHECK (owner = {USER});",
    ),
    "any delete": (
        "policy-does-not-check",
        NOTES
        + f"CREATE POLICY own ON notes USING (owner = {USER});"
        + "CREATE POLICY others ON notes FOR DELETE USING (true);",
    ),
    "giving away": (
        "policy-does-not-check",
        NOTES
        + f"CREATE POLICY own ON notes USING (owner = {USER});"
        + f"CREATE POLICY others ON notes FOR UPDATE USING (owner = {USER}) WITH CHECK (true);",
    ),
    "truncate": (
        "policy-does-not-check",
        NOTES + OWN_NOTES + "GRANT TRUNCATE ON notes TO chatkit_app;",
    ),
    "the app's own": (
        "app-owns-tables",
        NOTES + OWN_NOTES + "RESET ROLE; ALTER TABLE notes OWNER TO chatkit_app;",
    ),
    "a copy": (
        "open-without-user",
        NOTES + OWN_NOTES + "RESET ROLE; INSERT INTO notes VALUES ('carol', 1, 'x');"
        "CREATE MATERIALIZED VIEW copy AS SELECT * FROM notes;",
    ),
}


async def judged(cluster: Cluster, urls: Urls, tables: str, alices: str, bobs: str) -> None:
    """Make the tables, let alice and then bob have rows in them, and look."""
    look = Look(cluster, urls)
    cluster.execute(f"SET ROLE chatkit_owner; {tables}", urls.name)
    before = look.rows()
    cluster.execute(alices, urls.name)
    between = look.rows()
    cluster.execute(bobs, urls.name)
    await require_row_security(
        urls,
        look.tables(),
        nobodys=before,
        alices=new_rows(before, between),
        bobs=new_rows(between, look.rows()),
    )


@pytest.mark.parametrize("design", RIGHT)
async def test_what_holds_is_accepted(cluster: Cluster, postgres: Urls, design: str) -> None:
    tables, (alices, bobs) = RIGHT[design]
    await judged(cluster, postgres, tables, alices, bobs)


@pytest.mark.parametrize("design", WRONG)
async def test_what_does_not_hold_is_named(cluster: Cluster, postgres: Urls, design: str) -> None:
    misconception, tables = WRONG[design]
    with pytest.raises(Failed) as caught:
        await judged(cluster, postgres, tables + GRANT, *SOME_NOTES)
    assert caught.value.misconception == misconception, caught.value.observed


async def test_a_key_without_the_owner_is_named(cluster: Cluster, postgres: Urls) -> None:
    notes = NOTES.replace("PRIMARY KEY (owner, number)", "id serial PRIMARY KEY")
    tags = TAGS.format(key="FOREIGN KEY (number) REFERENCES notes (id)")
    some = [
        f"INSERT INTO notes (owner, id) VALUES ('{name}', {first}), ('{name}', {first + 1});"
        f"INSERT INTO tags (owner, number) VALUES ('{name}', {first}), ('{name}', {first + 1})"
        for name, first in (("alice", 1), ("bob", 3))
    ]
    with pytest.raises(Failed) as caught:
        await judged(cluster, postgres, notes + OWN_NOTES + tags + OWN_TAGS + GRANT, *some)
    assert caught.value.misconception == "key-without-owner"
