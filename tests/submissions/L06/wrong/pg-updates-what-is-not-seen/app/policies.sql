ALTER TABLE threads ENABLE ROW LEVEL SECURITY;
ALTER TABLE threads FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_read ON threads;
CREATE POLICY own_read ON threads FOR SELECT TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_insert ON threads;
CREATE POLICY own_insert ON threads FOR INSERT TO chatkit_app
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_update ON threads;
CREATE POLICY own_update ON threads FOR UPDATE TO chatkit_app
    USING (true)
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_delete ON threads;
CREATE POLICY own_delete ON threads FOR DELETE TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));

ALTER TABLE items ENABLE ROW LEVEL SECURITY;
ALTER TABLE items FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_read ON items;
CREATE POLICY own_read ON items FOR SELECT TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_insert ON items;
CREATE POLICY own_insert ON items FOR INSERT TO chatkit_app
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_update ON items;
CREATE POLICY own_update ON items FOR UPDATE TO chatkit_app
    USING (true)
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_delete ON items;
CREATE POLICY own_delete ON items FOR DELETE TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));

ALTER TABLE attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE attachments FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_read ON attachments;
CREATE POLICY own_read ON attachments FOR SELECT TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_insert ON attachments;
CREATE POLICY own_insert ON attachments FOR INSERT TO chatkit_app
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_update ON attachments;
CREATE POLICY own_update ON attachments FOR UPDATE TO chatkit_app
    USING (true)
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_delete ON attachments;
CREATE POLICY own_delete ON attachments FOR DELETE TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));

ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_read ON sessions;
CREATE POLICY own_read ON sessions FOR SELECT TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_insert ON sessions;
CREATE POLICY own_insert ON sessions FOR INSERT TO chatkit_app
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_update ON sessions;
CREATE POLICY own_update ON sessions FOR UPDATE TO chatkit_app
    USING (true)
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_delete ON sessions;
CREATE POLICY own_delete ON sessions FOR DELETE TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));

ALTER TABLE tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE tasks FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_read ON tasks;
CREATE POLICY own_read ON tasks FOR SELECT TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_insert ON tasks;
CREATE POLICY own_insert ON tasks FOR INSERT TO chatkit_app
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_update ON tasks;
CREATE POLICY own_update ON tasks FOR UPDATE TO chatkit_app
    USING (true)
    WITH CHECK (user_id = current_setting('app.user_id', true));
DROP POLICY IF EXISTS own_delete ON tasks;
CREATE POLICY own_delete ON tasks FOR DELETE TO chatkit_app
    USING (user_id = current_setting('app.user_id', true));
