"""Nobody is born with roles where two people could give them, and nobody becomes a superuser."""

from __future__ import annotations

from django.db import migrations

# Until an organization has two active persons who may approve roles, whoever founds it gives them.
LAWS = """
CREATE FUNCTION firm_users_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM born b
        WHERE b.is_active AND b.roles <> '{}' AND b.organization_id IS NOT NULL
            AND (SELECT count(*) FROM firm_user u
                 WHERE u.organization_id = b.organization_id AND u.is_active
                     AND u.roles && '{compliance,admin}'
                     AND u.id NOT IN (SELECT id FROM born)) >= 2) THEN
        PERFORM firm_refuse('two people give a new person roles');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER firm_user_born AFTER INSERT ON firm_user REFERENCING NEW TABLE AS born
    FOR EACH STATEMENT EXECUTE FUNCTION firm_users_born();

CREATE FUNCTION firm_user_rises() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM firm_refuse('nobody becomes a superuser');
    RETURN NULL;
END $$;
CREATE TRIGGER firm_user_rises BEFORE UPDATE OF is_superuser ON firm_user FOR EACH ROW
    WHEN (NEW.is_superuser AND NOT OLD.is_superuser) EXECUTE FUNCTION firm_user_rises();
"""
UNDO = """
DROP TRIGGER firm_user_rises ON firm_user;
DROP FUNCTION firm_user_rises();
DROP TRIGGER firm_user_born ON firm_user;
DROP FUNCTION firm_users_born();
"""


class Migration(migrations.Migration):
    dependencies = [("firm", "0003_policies")]
    operations = [migrations.RunSQL(LAWS, UNDO)]
