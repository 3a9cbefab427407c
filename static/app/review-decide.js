// The confirm step: reason code and annotation, then one decision for one review or for many alike.
import { call, freshId, order, saying, Unreachable } from "./api.js";
import { list, node } from "./dialogs.js";
import { toast } from "./toasts.js";
import { sideOf } from "./words.js";

const byId = (id) => document.getElementById(id);
const name = (row) => `${sideOf(row)} ${row.par.replace(/\B(?=(\d{3})+(?!\d))/g, ",")} ${row.sec}, ${row.acct}, ${row.trader}`;
let now = null;

export const deciding = () => byId("decide").open;

export function ask(rows, approve, me, claimed) {
  const word = approve ? "approve" : "reject";
  const one = rows.length === 1;
  now = { rows, approve, word, token: freshId("ui") };
  const what = [list(rows.slice(0, 8).map(name))];
  if (rows.length > 8) what.push(node("p", `and ${rows.length - 8} more`, "hint"));
  what.push(node("p", `Failed: ${rows[0].failed.join(", ")}.`, "hint"));
  if (one && claimed) what.push(node("p", `⚑ ${claimed} has claimed it. Deciding now overtakes them.`, "face warn"));
  if (one && approve && rows[0].required > 1) what.push(node("p", `Approval ${rows[0].approvals + 1} of ${rows[0].required}. ${rows[0].approvals + 1 < rows[0].required ? "Another person has to approve after you." : "Yours releases the order."}`, "face warn"));
  byId("decide-title").textContent = `${approve ? "Approve" : "Reject"} ${one ? "this order" : `${rows.length} orders alike`}`;
  byId("decide-what").replaceChildren(...what);
  const reasons = byId("reasons").content.querySelector(`[data-for="${word}"]`).cloneNode(true);
  byId("d-reason").replaceChildren(...reasons.children);
  byId("d-annotation").value = "";
  byId("decide-fault").hidden = byId("decide-outcomes").hidden = true;
  const go = byId("decide-go");
  go.replaceChildren(approve ? "Approve " : "Reject ", node("kbd", "Ctrl ⏎"));
  go.className = approve ? "primary" : "danger";
  go.disabled = false;
  byId("decide").showModal();
  byId("d-annotation").focus();
}

async function go() {
  const { rows, word, token } = now;
  const annotation = byId("d-annotation").value.trim();
  if (!annotation) {
    fail("Say why you decide so.");
    byId("d-annotation").focus();
    return;
  }
  const button = byId("decide-go");
  if (button.disabled) return;
  button.disabled = true;
  const shared = { annotation, reason_code: byId("d-reason").value };
  try {
    if (rows.length === 1) {
      const answer = await call("POST", order(rows[0].order, `${word}/`), { ...shared, subject_version: rows[0].version, [`client_manual_${word}_id`]: `${token}-${word}` });
      const more = word === "approve" && answer.approvals < answer.approvals_required;
      toast(more ? `Approval ${answer.approvals} of ${answer.approvals_required}: another person is needed.` : `${word === "approve" ? "Approved" : "Rejected"}: ${name(rows[0])}`);
      byId("decide").close();
    } else {
      const orders = rows.map((row) => ({ order_id: row.order, subject_version: row.version }));
      told(await call("POST", "/v1/trading/review/decide/", { ...shared, decision: word, client_decision_id: token.slice(0, 39), orders }));
    }
  } catch (error) {
    fail(refusal(error));
    button.disabled = !(error instanceof Unreachable) && error.status === 409;
  }
}

function refusal(error) {
  if (error.code === "order_not_pending_approval" || error.code === "already_decided") return `Too late: somebody decided first. ${saying(error)}`;
  if (error.code === "stale_version") return `The order has changed since you looked. ${saying(error)}`;
  if (error.code === "recheck_failed") return `A control rejects it now; it stays in review. ${saying(error)}`;
  return saying(error);
}

function told({ results }) {
  const failed = results.filter((one) => one.error);
  const done = results.length - failed.length;
  toast(`${done} decided${failed.length ? `, ${failed.length} not` : ""}`, failed.length ? "warn" : "");
  if (!failed.length) return byId("decide").close();
  fail(`${done} decided, ${failed.length} not:`);
  byId("decide-outcomes").replaceChildren(...failed.map((one) => node("li", `${one.order_id}: ${one.error.message} (${one.error.code})`)));
  byId("decide-outcomes").hidden = false;
}

function fail(words) {
  byId("decide-fault").textContent = words;
  byId("decide-fault").hidden = false;
}

byId("decide-form").addEventListener("submit", (event) => { event.preventDefault(); go(); });
byId("decide-form").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); go(); }
});
byId("decide-safe").addEventListener("click", () => byId("decide").close());
