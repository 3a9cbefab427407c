"""What somebody with the tables' owner's rights might do to a book, and who must notice.

Statements name ids by what the small book calls them (`small_book.Book.names`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Corruption:
    """What somebody with the owner's rights might do, and the checks that must say so."""

    name: str
    sql: str
    found_by: frozenset[str]
    unguarded: tuple[str, ...] = ()


def corrupt(name: str, sql: str, *found_by: str, unguarded: tuple[str, ...] = ()) -> Corruption:
    return Corruption(name, sql, frozenset(found_by), unguarded=unguarded)


ROWS = "rows_are_their_events"
CUM, CHILDREN = "cum_qty_is_its_executions", "cum_qty_is_its_children"
LEAVES, TWICE = "leaves_follow_the_rule", "nothing_is_worked_twice"
LOOSE = "what_is_open_has_somebody"
AVERAGE, CENTS, SPLIT = "avg_px_is_exact", "money_is_to_the_cent", "allocations_lose_nothing"
VENUES, CUSTODIANS = "venues_agree_on_executions", "custodians_agree_on_bookings"
MOVED, POSITION, LOTS, FOLDED, MONEY_HELD = (
    "movements_are_what_happened",
    "positions_are_their_movements",
    "lots_are_their_position",
    "lots_are_their_fold",
    "cash_is_its_movements",
)
CHAIN, NUMBERED, GAPS = "chain_links_hold", "every_event_is_numbered", "feed_has_no_gaps"
CONFIRMED, AGREED, HANDS, SETTLED = (
    "booked_legs_are_confirmed_once",
    "what_is_affirmed_was_agreed",
    "settled_is_its_facts",
    "custodians_agree_on_settlements",
)
VERSIONS, TENANT, TREE = (
    "versions_have_no_gaps",
    "one_organization_per_tree",
    "one_order_per_tree",
)
FEES = "capped_fees_are_due_or_in_a_break"
CLEARED, STREET = "cleared_trades_are_their_executions", "clearing_parties_agree"
NOTICED, WITHDRAWN, REPORTED, FED, NOTED, HEARD = (
    "notices_are_what_moved",
    "taken_back_is_withdrawn",
    "trades_are_reported_for_clearing",
    "deliveries_are_what_moved",
    "custodians_agree_on_notices",
    "custodians_heard_the_same",
)
PLANTED = (
    corrupt(
        "an order that was busted is charged by another schedule",
        """UPDATE orders_order SET fees = '[{"fee_schedule_id": "fs", "recipient_id": "firm",
        "fee_schedule_asset_level_id": "fsal", "fee_type": "commission", "fee_amount": "1",
        "fee_amount_type": "percentage_of_par", "max_fee_amount": "5.00"}]'
        WHERE id = %(corrected)s""",
        *(ROWS, FEES),
    ),
    corrupt(
        "the street was told another quantity",
        "UPDATE allocations_clearingreport SET qty = qty + 1000 WHERE execution_id = %(execution)s",
        *(ROWS, CLEARED, STREET),
    ),
    corrupt(
        "what the street took is said to be refused",
        "UPDATE allocations_clearingreport SET status = 'rejected'"
        " WHERE execution_id = %(execution)s",
        *(ROWS, STREET),
    ),
    corrupt(
        "the street was told of another day",
        "UPDATE allocations_clearingreport SET settlement_date = settlement_date + 1"
        " WHERE execution_id = %(execution)s",
        *(ROWS, CLEARED, STREET),
    ),
    corrupt(
        "order quantity moved",
        "UPDATE orders_order SET cum_qty = cum_qty + 1000 WHERE id = %(partial)s",
        *(ROWS, CUM, CHILDREN, LEAVES, AVERAGE),
    ),
    corrupt(
        "execution order quantity moved with its leaves",
        "UPDATE orders_executionorder SET cum_qty = cum_qty - 1000, leaves_qty = leaves_qty + 1000"
        " WHERE id = %(partial_worked)s",
        *(ROWS, CUM, CHILDREN, TWICE),
    ),
    corrupt(
        "venue order left with something else",
        "UPDATE orders_venueorder SET leaves_qty = 500 WHERE id = %(partial_child)s",
        *(ROWS, LEAVES, "venues_agree_on_what_is_left"),
    ),
    corrupt(
        "venue order ended and what it was made for left open",
        "UPDATE orders_venueorder SET leaves_qty = 0, status = 'canceled', ended = 'canceled'"
        " WHERE id = %(partial_child)s",
        *(ROWS, LOOSE, "venues_agree_on_what_is_left"),
    ),
    corrupt(
        "execution deleted",
        "DELETE FROM orders_execution WHERE id = %(execution)s",
        *(ROWS, CUM, SPLIT, VENUES, MOVED, CLEARED),
    ),
    corrupt(
        "execution price changed",
        "UPDATE orders_execution SET price = price + 0.00000001 WHERE id = %(execution)s",
        *(ROWS, CUM, VENUES, CLEARED),
    ),
    corrupt(
        "execution principal off by a cent",
        "UPDATE orders_execution SET principal = principal + 0.01 WHERE id = %(execution)s",
        *(ROWS, CENTS, SPLIT, MOVED, CLEARED),
    ),
    corrupt(
        "position moved",
        "UPDATE allocations_position SET qty = qty + 1000"
        " WHERE id = (SELECT min(id) FROM allocations_position WHERE account_id LIKE 'alpha%%')",
        *(ROWS, POSITION, LOTS, FOLDED),
    ),
    corrupt(
        "profit invented",
        "UPDATE allocations_position SET realized = realized + 0.01"
        " WHERE id = (SELECT min(id) FROM allocations_position WHERE account_id LIKE 'alpha%%')",
        *(ROWS, FOLDED),
    ),
    corrupt(
        "lot's cost off by a cent",
        "UPDATE allocations_taxlot SET open_cost = open_cost + 0.01"
        " WHERE id = (SELECT min(id) FROM allocations_taxlot WHERE open_qty <> 0)",
        *(ROWS, LOTS, FOLDED),
    ),
    corrupt(
        "cash balance off by a cent",
        "UPDATE allocations_cashbalance SET amount = amount + 0.01"
        " WHERE id = (SELECT min(id) FROM allocations_cashbalance)",
        *(ROWS, MONEY_HELD),
    ),
    corrupt(
        "running balance of a movement changed",
        "UPDATE allocations_movement SET qty_after = qty_after + 1"
        " WHERE id = (SELECT min(id) FROM allocations_movement)",
        *(ROWS, POSITION),
    ),
    corrupt(
        "fill given to another account",
        "UPDATE allocations_movement SET source_id = 'ex_forged'"
        " WHERE id = (SELECT min(id) FROM allocations_movement WHERE kind = 'trade')",
        *(ROWS, MOVED),
    ),
    corrupt(
        "status flipped",
        "UPDATE orders_order SET status = 'canceled' WHERE id = %(partial)s",
        *(ROWS, LEAVES, TWICE, SPLIT),
    ),
    corrupt(
        "average price off by 1e-10",
        "UPDATE orders_order SET avg_px = avg_px + 0.0000000001 WHERE id = %(filled)s",
        *(ROWS, AVERAGE),
    ),
    corrupt(
        "last digit of a text changed",
        "UPDATE orders_order SET reject_reason = reject_reason || '.' WHERE id = %(rejected)s",
        ROWS,
    ),
    corrupt(
        "version skipped",
        "UPDATE orders_order SET version = version + 1 WHERE id = %(filled)s",
        ROWS,
    ),
    corrupt(
        "row deleted with its children unmentioned",
        "DELETE FROM orders_break WHERE order_id = %(corrected)s",
        ROWS,
    ),
    corrupt(
        "session ended long ago",
        "UPDATE orders_order SET expires_at = %(long_ago)s WHERE id = %(partial)s",
        *(ROWS, "no_order_outlives_its_session"),
    ),
    corrupt(
        "event deleted",
        "DELETE FROM journal_event WHERE event_type = 'execution_order_request'"
        " AND subject = %(external)s",
        *(VERSIONS, NUMBERED, CHAIN),
        unguarded=("journal_feed",),
    ),
    corrupt(
        "event and its number deleted",
        "DELETE FROM journal_feed f USING journal_event e WHERE e.id = f.event_id"
        " AND e.subject = %(external)s AND e.event_type = 'execution_order_request'",
        *(NUMBERED, GAPS, CHAIN),
    ),
    corrupt(
        "event body edited",
        "UPDATE journal_event SET body = replace(body, '99.25', '99.24')"
        " WHERE subject = %(filled)s AND event_type = 'execution'",
        CHAIN,
    ),
    corrupt(
        "event changes edited",
        "UPDATE journal_event SET changes = replace(changes, '99.25', '99.24')"
        " WHERE subject = %(filled)s AND event_type = 'execution'",
        *(ROWS, CHAIN),
    ),
    corrupt(
        "event added",
        "INSERT INTO journal_event (event_id, organization_id, msg_type, event_type, subject, seq,"
        " order_id, at, recorded_at, actor, correlation_id, body, changes)"
        " SELECT 'evt_forged', organization_id, msg_type, event_type, subject, seq + 100,"
        " order_id, at, recorded_at, actor, correlation_id, body, '[]' FROM journal_event"
        " WHERE subject = %(filled)s AND seq = 1",
        *(VERSIONS, NUMBERED),
    ),
    corrupt(
        "two message numbers swapped",
        "UPDATE journal_feed f SET msg_number = n.msg_number FROM journal_feed n"
        " WHERE f.organization_id = n.organization_id AND n.position = 3 - f.position"
        " AND f.position IN (1, 2)",
        GAPS,
        unguarded=("msg_number_once",),
    ),
    corrupt(
        "two events swapped in the feed",
        "UPDATE journal_feed f SET event_id = n.event_id FROM journal_feed n"
        " WHERE f.organization_id = n.organization_id AND n.position = 3 - f.position"
        " AND f.position IN (1, 2)",
        CHAIN,
        unguarded=("journal_feed_event_id_key",),
    ),
    corrupt(
        "booking leg off by a cent",
        "UPDATE allocations_bookingleg SET principal = principal + 0.01,"
        " net_money = net_money + 0.01 WHERE id = %(block_leg)s",
        *(ROWS, SPLIT, CUSTODIANS, MOVED, CONFIRMED),
    ),
    corrupt(
        "net money that adds up to something else",
        "UPDATE allocations_bookingleg SET net_money = net_money + 0.01 WHERE id = %(block_leg)s",
        *(ROWS, CENTS, CUSTODIANS, CONFIRMED),
    ),
    corrupt(
        "account given what another was given",
        "UPDATE allocations_accountallocation p SET actual_qty = 4000 - p.actual_qty"
        " FROM allocations_allocation a WHERE a.id = p.allocation_id AND a.order_id = %(block)s"
        " AND p.requested_qty IN (3000, 1000)",
        *(ROWS, SPLIT),
    ),
    corrupt(
        "review decided by its maker",
        "UPDATE controls_review SET decided_by_id = maker_id WHERE subject = %(flagged)s",
        *(ROWS, "nobody_cleared_their_own"),
        unguarded=("maker_is_not_checker",),
    ),
    corrupt(
        "override used by another order",
        "UPDATE controls_override SET used_order = %(filled)s",
        *(ROWS, "overrides_were_used_once"),
    ),
    corrupt(
        "execution order cleared by another order's screening",
        "UPDATE orders_executionorder SET screening_id = %(other_screening)s"
        " WHERE id = %(filled_worked)s",
        *(ROWS, "nothing_went_out_uncleared"),
        unguarded=("execution_order_of_that_screening",),
    ),
    corrupt(
        "inbound report without a verdict",
        "UPDATE venues_inbound SET verdict = '' WHERE seq = 3",
        "every_report_has_a_verdict",
    ),
    corrupt(
        "inbound report missing",
        "DELETE FROM venues_inbound WHERE seq = 3",
        *("every_report_has_a_verdict", "venues_reports_are_stored"),
    ),
    corrupt(
        "inbound report rewritten",
        "UPDATE venues_inbound SET body = replace(body, '99.25', '99.24')",
        "venues_reports_are_stored",
    ),
    corrupt(
        "message never sent",
        "UPDATE venues_outbound SET sent_at = NULL WHERE cl_ord_id = %(partial_child)s",
        "every_message_was_sent_once",
    ),
    corrupt(
        "venue order at another organization",
        "UPDATE orders_venueorder SET organization_id = 'beta' WHERE id = %(partial_child)s",
        *(ROWS, TENANT),
    ),
    corrupt(
        "venue order under another order",
        "UPDATE orders_venueorder SET order_id = %(block)s WHERE id = %(partial_child)s",
        *(ROWS, TREE, "venues_got_each_order_once"),
    ),
    corrupt(
        "confirmation withdrawn in silence",
        "UPDATE allocations_tradeconfirm SET status = 'canceled' WHERE id = (SELECT min(id)"
        " FROM allocations_tradeconfirm WHERE status = 'affirmed')",
        *(ROWS, CONFIRMED),
    ),
    corrupt(
        "confirmation at another price",
        "UPDATE allocations_tradeconfirm SET price = price + 0.00000001 WHERE leg_id ="
        " %(block_leg)s",
        *(ROWS, CONFIRMED, HEARD),
    ),
    corrupt(
        "comparison said to match",
        "UPDATE allocations_matchverdict SET differences = '[{}]' WHERE id ="
        " (SELECT min(id) FROM allocations_matchverdict)",
        *(ROWS, AGREED),
    ),
    corrupt(
        "affirmed without a comparison",
        "UPDATE allocations_tradeconfirm SET verdict_id = '' WHERE id = (SELECT min(id)"
        " FROM allocations_tradeconfirm WHERE status = 'affirmed')",
        *(ROWS, AGREED),
    ),
    corrupt(
        "unmatched, and their word laid aside",
        "WITH c AS (UPDATE allocations_tradeconfirm SET status = 'unmatched' WHERE id ="
        " (SELECT min(id) FROM allocations_tradeconfirm WHERE status = 'affirmed')"
        " RETURNING leg_id, custodian_id) UPDATE allocations_custodianmessage m"
        " SET verdict = 'not_needed', note = c.leg_id FROM c WHERE m.custodian_id = c.custodian_id"
        " AND m.seq = (SELECT min(n.seq) FROM allocations_custodianmessage n"
        " WHERE n.custodian_id = c.custodian_id)",
        *(ROWS, AGREED),
    ),
    corrupt(
        "settled though a part is missing",
        "UPDATE allocations_settlementinstruction SET settled_qty = settled_qty - 1 WHERE id ="
        # Of one that was taken back the other way is missed as well.
        " (SELECT min(i.id) FROM allocations_settlementinstruction i WHERE i.status = 'settled'"
        " AND NOT EXISTS (SELECT 1 FROM allocations_bookingleg b WHERE b.reverses_id = i.leg_id))",
        *(ROWS, HANDS),
        unguarded=("instruction_settled_in_full",),
    ),
    corrupt(
        "settlement money off by a cent",
        "UPDATE allocations_settlementfact SET cash = cash - 0.01 WHERE id ="
        " (SELECT min(id) FROM allocations_settlementfact)",
        *(ROWS, HANDS, SETTLED),
    ),
    corrupt(
        "settlement under another reference",
        "UPDATE allocations_settlementfact SET reference = 'forged' WHERE id ="
        " (SELECT min(id) FROM allocations_settlementfact)",
        *(ROWS, SETTLED),
    ),
    corrupt(
        "notice of a deposit lost",
        "DELETE FROM allocations_movementnotice WHERE movement_id ="
        " (SELECT id FROM allocations_movement WHERE kind = 'deposit')",
        *(NOTICED, NOTED),
    ),
    corrupt(
        "notice of a trade invented",
        "INSERT INTO allocations_movementnotice (movement_id, organization_id, custodian_id,"
        " due_at, attempts, ref, code, reason) SELECT id, organization_id, 'cust_bny', at, 0, '',"
        " '', '' FROM allocations_movement WHERE kind = 'trade' ORDER BY id LIMIT 1",
        NOTICED,
    ),
    corrupt(
        "two notices of one deposit",
        "INSERT INTO allocations_movementnotice (movement_id, organization_id, custodian_id,"
        " due_at, attempts, ref, code, reason) SELECT movement_id, organization_id, custodian_id,"
        " %(long_ago)s, 0, '', '', '' FROM allocations_movementnotice",
        NOTICED,
        unguarded=("movement_told_once",),
    ),
    corrupt(
        "answer to a notice forgotten",
        "UPDATE allocations_movementnotice SET ref = ''",
        *(NOTICED, NOTED),
    ),
    corrupt(
        "notice said to be refused",
        "UPDATE allocations_movementnotice SET ref = '', code = 'NOT_TOLD'",
        NOTED,
    ),
    corrupt(
        "deposit of another day than was told",
        "UPDATE allocations_movement SET settlement_date = settlement_date + 1"
        " WHERE kind = 'deposit'",
        *(ROWS, NOTED),
    ),
    corrupt(
        "confirmation of what was taken back left standing",
        "UPDATE allocations_tradeconfirm SET status = 'affirmed' WHERE leg_id = %(undone_leg)s",
        *(ROWS, WITHDRAWN),
    ),
    corrupt(
        "instruction for what was taken back left open",
        "UPDATE allocations_settlementinstruction SET status = 'instructed', closed_at = NULL"
        " WHERE leg_id = %(undone_leg)s",
        *(ROWS, HANDS, WITHDRAWN),
    ),
    corrupt(
        "nothing goes back of what had changed hands",
        "UPDATE allocations_settlementinstruction SET status = 'canceled', settled_qty = 0,"
        " settled_money = 0 WHERE leg_id = %(undone_mirror)s",
        *(ROWS, HANDS, WITHDRAWN, HEARD),
    ),
    corrupt(
        "trade taken back that still stands at its service",
        "UPDATE allocations_tradeconfirm SET service_id = 'svc_ctm', code = ''"
        " WHERE leg_id = %(unsettled_leg)s",
        *(ROWS, WITHDRAWN),
    ),
    corrupt(
        "confirmation of a leg that was not booked",
        "UPDATE allocations_bookingleg SET status = 'failed' WHERE id = %(block_leg)s",
        *(ROWS, WITHDRAWN),
    ),
    corrupt(
        "trade forgotten by the street",
        "DELETE FROM allocations_clearingreport WHERE execution_id = %(execution)s",
        *(ROWS, STREET, REPORTED),
    ),
    corrupt(
        "delivery lost",
        "DELETE FROM allocations_feeddelivery",
        FED,
    ),
    corrupt(
        "delivery that says something else",
        "UPDATE allocations_feeddelivery SET body = replace(body, 'sequence\":1', 'sequence\":2')",
        FED,
    ),
    corrupt(
        "instruction said to be never sent",
        "UPDATE allocations_settlementinstruction SET was_sent = false, ref = ''"
        " WHERE leg_id = %(block_leg)s",
        *(ROWS, HEARD),
    ),
    corrupt(
        "instruction for another day than was told",
        "UPDATE allocations_settlementinstruction SET settlement_date = settlement_date + 1"
        " WHERE leg_id = %(block_leg)s",
        *(ROWS, HEARD),
    ),
)
