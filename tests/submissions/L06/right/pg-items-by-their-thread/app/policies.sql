-- One function says who is meant, and an item is whose its thread is.

CREATE OR REPLACE FUNCTION speaker() RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('app.user_id', true), '') $$;

ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE threads FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS theirs ON threads;
CREATE POLICY theirs ON threads USING (user_id = speaker());

ALTER TABLE attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE attachments FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS theirs ON attachments;
CREATE POLICY theirs ON attachments USING (user_id = speaker());

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS theirs ON sessions;
CREATE POLICY theirs ON sessions USING (user_id = speaker());

ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS theirs ON tasks;
CREATE POLICY theirs ON tasks USING (user_id = speaker());

ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS theirs ON items;
CREATE POLICY theirs ON items USING (EXISTS (
    SELECT 1 FROM threads WHERE threads.user_id = items.user_id AND threads.id = items.thread_id
));
