// Cancel requests: asked for over HTTP even while the live connection is down; events say what became of them.
import { call, order, saying } from "./api.js";
import { confirm, list, node } from "./dialogs.js";
import { grouped, sum } from "./figures.js";
import { toast } from "./toasts.js";
import { canCancel, FACES, sideOf } from "./words.js";

const AT_ONCE = 6;
const NAMED = 5;

const name = (row) => `${sideOf(row)} ${grouped(row.leaves)} ${row.sec}, ${FACES[row.status]?.[1]}`;

function more(rows, word) {
  const named = rows.slice(0, NAMED).map(word);
  return rows.length > NAMED ? [...named, `and ${rows.length - NAMED} more`] : named;
}

export function askToCancel(chosen) {
  const rows = chosen.filter(canCancel);
  const skipped = chosen.filter((row) => !canCancel(row));
  if (!rows.length) {
    toast(chosen.length ? "Nothing to cancel: what is chosen is done or being canceled." : "Choose an order first.", "warn");
    return;
  }
  const count = rows.length === 1 ? "this order" : `${rows.length} orders`;
  const text = [
    node("p", `${sum(rows.map((row) => row.leaves))} still to be filled will be asked to stop. Until a venue confirms, more of it may be executed. What is filled stays filled.`),
    list(more(rows, name)),
  ];
  if (skipped.length) text.push(node("p", `Skipped, because done or being canceled: ${skipped.length}.`, "hint"));
  confirm({
    title: `Cancel ${count}?`,
    text,
    safe: rows.length === 1 ? "Keep it" : "Keep them",
    danger: `Cancel ${count}`,
    act: () => cancelAll(rows),
  });
}

async function cancelAll(rows) {
  const waiting = [...rows];
  const told = { asked: 0, refused: [], failed: [] };
  const worker = async () => {
    for (let row = waiting.shift(); row; row = waiting.shift()) {
      try {
        const answer = await call("DELETE", order(row.id));
        if (answer.outcome === "refused") told.refused.push(`${row.id}: ${answer.reason}`);
        else told.asked += 1;
      } catch (error) {
        told.failed.push(`${row.id}: ${saying(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (told.failed.length) throw new Error(`${told.asked} asked to stop, ${told.failed.length} failed. ${told.failed.slice(0, 3).join(" ")}`);
  toast(`${told.asked === 1 ? "One order" : `${told.asked} orders`} asked to stop${told.refused.length ? `, ${told.refused.length} refused: ${told.refused[0]}` : ""}`, told.refused.length ? "warn" : "");
}
