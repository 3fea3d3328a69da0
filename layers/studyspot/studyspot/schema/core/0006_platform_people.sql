-- Platform users: invited before they have a password, with roles of the platform's own; and never without an administrator.

ALTER TABLE admin_users ALTER COLUMN password_hash DROP NOT NULL,
    ADD COLUMN role_id uuid,
    ADD COLUMN home uuid NOT NULL DEFAULT '00000000-0000-7000-8000-000000000000'
        CHECK (home = '00000000-0000-7000-8000-000000000000'),
    ADD COLUMN avatar_url text,
    ADD CONSTRAINT admin_users_status CHECK (status IN ('invited','active','suspended','deactivated')),
    ADD FOREIGN KEY (home, role_id) REFERENCES roles (tenant_id, id);
COMMENT ON COLUMN admin_users.home IS 'tenant zero, so that a role is one of the platform''s own';
CREATE INDEX admin_users_of_role ON admin_users (role_id) WHERE role_id IS NOT NULL;
ALTER TABLE library_owners ADD COLUMN avatar_url text;

-- Two administrators who remove each other wait for one another here, and the second finds itself the last.
CREATE FUNCTION keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('admin_users'));
    IF NOT EXISTS (SELECT FROM admin_users WHERE id <> OLD.id AND user_type = 'platform_admin' AND status = 'active') THEN
        RAISE EXCEPTION 'the last administrator' USING ERRCODE = 'SP001';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER keep_an_admin BEFORE UPDATE ON admin_users FOR EACH ROW
    WHEN (OLD.user_type = 'platform_admin' AND OLD.status = 'active'
          AND (NEW.user_type, NEW.status) IS DISTINCT FROM ('platform_admin', 'active'))
    EXECUTE FUNCTION keep_an_admin();
