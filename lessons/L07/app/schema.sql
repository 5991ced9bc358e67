-- Every row has an owner, and the owner is part of every key: an id means nothing without them.

CREATE TABLE IF NOT EXISTS threads (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    TEXT NOT NULL CHECK (user_id <> ''),
    id         TEXT NOT NULL,
    title      TEXT,
    created_at TEXT NOT NULL,
    data       TEXT NOT NULL,
    UNIQUE (user_id, id)
);
CREATE INDEX IF NOT EXISTS threads_in_order ON threads (user_id, seq);

CREATE TABLE IF NOT EXISTS items (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    TEXT NOT NULL CHECK (user_id <> ''),
    thread_id  TEXT NOT NULL,
    id         TEXT NOT NULL,
    type       TEXT NOT NULL,
    created_at TEXT NOT NULL,
    data       TEXT NOT NULL,
    UNIQUE (user_id, thread_id, id),
    -- With the owner in it: a database looks for the thread whatever its policies say.
    FOREIGN KEY (user_id, thread_id) REFERENCES threads (user_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS items_in_order ON items (user_id, thread_id, seq);

CREATE TABLE IF NOT EXISTS attachments (
    user_id    TEXT NOT NULL CHECK (user_id <> ''),
    id         TEXT NOT NULL,
    thread_id  TEXT,
    name       TEXT NOT NULL,
    mime_type  TEXT NOT NULL,
    data       TEXT NOT NULL,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE IF NOT EXISTS sessions (
    user_id    TEXT NOT NULL CHECK (user_id <> ''),
    thread_id  TEXT NOT NULL,
    created_at TEXT NOT NULL,
    active_at  TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT 'live',  -- then 'expired', then 'cleaned'
    PRIMARY KEY (user_id, thread_id)
);
CREATE INDEX IF NOT EXISTS sessions_by_activity ON sessions (state, active_at);
CREATE INDEX IF NOT EXISTS sessions_by_age ON sessions (state, created_at);
