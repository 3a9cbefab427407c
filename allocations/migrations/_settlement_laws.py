"""What the database keeps about confirms, instructions and what custodians say of them.

SQL of the migration of settlement beside this file.
"""

from __future__ import annotations

# What must follow is queued by the database itself: no room can book a leg and forget it.
DUES = """
CREATE FUNCTION allocations_settlement_made() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_settlementdue (leg_id, due_at)
        SELECT id, created_at FROM fresh WHERE reverses_id IS NOT NULL OR status = 'booked';
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_bookingleg_made AFTER INSERT ON allocations_bookingleg
    REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_settlement_made();
CREATE FUNCTION allocations_settlement_booked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO allocations_settlementdue (leg_id, due_at)
        SELECT n.id, n.created_at FROM fresh n JOIN former o ON o.id = n.id
        WHERE n.status = 'booked' AND o.status <> 'booked';
    RETURN NULL;
END $$;
CREATE TRIGGER allocations_bookingleg_booked AFTER UPDATE ON allocations_bookingleg
    REFERENCING OLD TABLE AS former NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_settlement_booked();
"""
NO_DUES = """
DROP TRIGGER allocations_bookingleg_booked ON allocations_bookingleg;
DROP FUNCTION allocations_settlement_booked();
DROP TRIGGER allocations_bookingleg_made ON allocations_bookingleg;
DROP FUNCTION allocations_settlement_made();
"""
LAWS = """
CREATE FUNCTION allocations_confirm_is_its_leg() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM allocations_bookingleg l
        JOIN allocations_allocation a ON a.id = l.allocation_id
        JOIN allocations_accountallocation p ON p.id = l.account_allocation_id
        WHERE l.id = NEW.leg_id AND l.status = 'booked'
            AND (l.organization_id, a.order_id, a.instrument_id, l.custodian_id, l.qty, l.price,
                l.principal, l.accrued_interest, l.fees, l.net_money, l.trade_date,
                l.settlement_date, coalesce(l.booked_account_id, p.account_id),
                (a.side = 'buy') = (l.reverses_id IS NULL))
            = (NEW.organization_id, NEW.order_id, NEW.instrument_id, NEW.custodian_id, NEW.qty,
                NEW.price, NEW.principal, NEW.accrued_interest, NEW.fees, NEW.net_money,
                NEW.trade_date, NEW.settlement_date, NEW.account_id, NEW.side = 'buy')) THEN
        RAISE EXCEPTION 'a confirmation has the terms of a booked leg'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_tradeconfirm_leg BEFORE INSERT ON allocations_tradeconfirm
    FOR EACH ROW EXECUTE FUNCTION allocations_confirm_is_its_leg();

CREATE FUNCTION allocations_confirm_is_taken_by_two() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_matchverdict v
            WHERE v.id = NEW.verdict_id AND v.confirm_id = NEW.id AND v.is_match)
        AND NOT EXISTS (SELECT 1 FROM allocations_confirmadjustment j WHERE j.confirm_id = NEW.id)
    THEN
        RAISE EXCEPTION 'what does not match is affirmed by an adjustment of two people'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_tradeconfirm_accept BEFORE UPDATE OF status ON allocations_tradeconfirm
    FOR EACH ROW WHEN (NEW.status = 'affirmed' AND OLD.status <> 'affirmed')
    EXECUTE FUNCTION allocations_confirm_is_taken_by_two();

CREATE FUNCTION allocations_instruction_is_its_confirm() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM allocations_tradeconfirm c
        WHERE c.id = NEW.confirm_id AND NEW.qty <= c.qty
            AND (NEW.qty < c.qty OR NEW.net_money = c.net_money)
            AND (c.organization_id, c.leg_id, c.order_id, c.custodian_id, c.account_id,
                c.instrument_id, c.side, c.currency, c.settlement_date)
            = (NEW.organization_id, NEW.leg_id, NEW.order_id, NEW.custodian_id, NEW.account_id,
                NEW.instrument_id, NEW.side, NEW.currency, NEW.settlement_date)) THEN
        RAISE EXCEPTION 'an instruction has the terms of its confirmation'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_settlementinstruction_confirm
    BEFORE INSERT ON allocations_settlementinstruction
    FOR EACH ROW EXECUTE FUNCTION allocations_instruction_is_its_confirm();

CREATE FUNCTION allocations_instruction_is_affirmed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM allocations_tradeconfirm c
        WHERE c.id = NEW.confirm_id AND c.affirmed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'only what was affirmed is instructed'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_settlementinstruction_sent
    BEFORE UPDATE OF was_sent ON allocations_settlementinstruction
    FOR EACH ROW WHEN (NEW.was_sent AND NOT OLD.was_sent)
    EXECUTE FUNCTION allocations_instruction_is_affirmed();

CREATE FUNCTION allocations_fact_is_its_instruction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM allocations_settlementinstruction i
        WHERE i.id = NEW.instruction_id AND (NEW.qty > 0) = (i.side = 'buy')
            AND (i.organization_id, i.order_id, i.custodian_id, i.account_id, i.instrument_id,
                i.currency)
            = (NEW.organization_id, NEW.order_id, NEW.custodian_id, NEW.account_id,
                NEW.instrument_id, NEW.currency)) THEN
        RAISE EXCEPTION 'a settlement is of its instruction' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER allocations_settlementfact_instruction BEFORE INSERT ON allocations_settlementfact
    FOR EACH ROW EXECUTE FUNCTION allocations_fact_is_its_instruction();

-- What is no trade settles on its day; it is summed alone.
CREATE INDEX movement_of_no_trade ON allocations_movement (account_id, currency, settlement_date)
    INCLUDE (cash, at)
    WHERE kind NOT IN ('trade', 'bust', 'correction', 'allocation', 'reversal');
"""
NO_LAWS = """
DROP INDEX movement_of_no_trade;
DROP TRIGGER allocations_settlementfact_instruction ON allocations_settlementfact;
DROP FUNCTION allocations_fact_is_its_instruction();
DROP TRIGGER allocations_settlementinstruction_sent ON allocations_settlementinstruction;
DROP FUNCTION allocations_instruction_is_affirmed();
DROP TRIGGER allocations_settlementinstruction_confirm ON allocations_settlementinstruction;
DROP FUNCTION allocations_instruction_is_its_confirm();
DROP TRIGGER allocations_tradeconfirm_accept ON allocations_tradeconfirm;
DROP FUNCTION allocations_confirm_is_taken_by_two();
DROP TRIGGER allocations_tradeconfirm_leg ON allocations_tradeconfirm;
DROP FUNCTION allocations_confirm_is_its_leg();
"""
# A book that is older than this gets its confirmations by the same queue as everything else.
CATCH_UP = """
INSERT INTO allocations_settlementdue (leg_id, due_at)
    SELECT id, created_at FROM allocations_bookingleg
    WHERE status = 'booked' OR reverses_id IS NOT NULL;
INSERT INTO allocations_standinginstruction
    (organization_id, custodian_id, depository, participant, delivery_account, active)
    SELECT o.organization_id, c.id, 'DTC', upper(left(c.id, 20)), '', true
    FROM (SELECT DISTINCT organization_id FROM allocations_account) o
    CROSS JOIN allocations_custodian c;
"""
CONFIRM_TERMS = [
    *("id", "organization_id", "leg_id", "order_id", "custodian_id", "account_id"),
    *("instrument_id", "side", "currency", "qty", "price", "principal", "accrued_interest"),
    *("fees", "net_money", "trade_date", "settlement_date", "created_at"),
]
INSTRUCTION_TERMS = [
    *("id", "organization_id", "confirm_id", "leg_id", "order_id", "custodian_id", "account_id"),
    *("instrument_id", "side", "currency", "qty", "net_money", "settlement_date", "created_at"),
]
MESSAGE_TERMS = ["id", "custodian_id", "seq", "body", "received_at"]
FACTS = ("counterpartytrade", "matchverdict", "confirmadjustment", "settlementfact")
