"""Who entered an order never approves it, whoever made of it what is reviewed."""

from __future__ import annotations

from django.db import migrations

LAW = """
CREATE FUNCTION oms_author_does_not_approve() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM controls_review r JOIN orders_order o ON o.id = r.subject
               WHERE r.id = NEW.review_id AND o.submitted_by_id = NEW.decided_by_id) THEN
        RAISE EXCEPTION 'who entered an order does not approve it'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_author_does_not_approve AFTER INSERT ON controls_reviewvote FOR EACH ROW
    WHEN (NEW.approve) EXECUTE FUNCTION oms_author_does_not_approve();
"""
UNDO = """
DROP TRIGGER orders_author_does_not_approve ON controls_reviewvote;
DROP FUNCTION oms_author_does_not_approve();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_kill_speed"), ("controls", "0011_both_modes_stand")]

    operations = [migrations.RunSQL(LAW, UNDO)]
