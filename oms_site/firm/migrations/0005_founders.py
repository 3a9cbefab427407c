"""Superusers are born, or come back, while the platform is founded, and none after that."""

from __future__ import annotations

from django.db import migrations

# Who is there decides about others: two active superusers, or two of the house who approve roles.
# A statement that makes several founders at once is one founding.
LAWS = """
CREATE FUNCTION firm_is_founded_without(people bigint[]) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT count(*) >= 2 FROM firm_user WHERE is_active AND NOT id = ANY(people)
        AND (is_superuser OR organization_id = 'house' AND roles && '{compliance,admin}')
$$;

CREATE FUNCTION firm_superusers_born() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM born WHERE is_superuser)
        AND firm_is_founded_without(ARRAY(SELECT id FROM born)) THEN
        PERFORM firm_refuse('nobody is born a superuser once two have founded the platform');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER firm_superuser_born AFTER INSERT ON firm_user REFERENCING NEW TABLE AS born
    FOR EACH STATEMENT EXECUTE FUNCTION firm_superusers_born();

CREATE FUNCTION firm_superuser_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF firm_is_founded_without(ARRAY[NEW.id]) THEN
        PERFORM firm_refuse('nobody comes back a superuser');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER firm_superuser_back BEFORE UPDATE OF is_active ON firm_user FOR EACH ROW
    WHEN (NEW.is_active AND NOT OLD.is_active AND NEW.is_superuser)
    EXECUTE FUNCTION firm_superuser_back();
"""
UNDO = """
DROP TRIGGER firm_superuser_back ON firm_user;
DROP FUNCTION firm_superuser_back();
DROP TRIGGER firm_superuser_born ON firm_user;
DROP FUNCTION firm_superusers_born();
DROP FUNCTION firm_is_founded_without(bigint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("firm", "0004_role_law")]
    operations = [migrations.RunSQL(LAWS, UNDO)]
