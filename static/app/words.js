// The one place that says what a state looks like: icon, word, color class. Same as templatetags/desk.py.
export const FACES = {
  review: ["⚑", "review", "warn"],
  queued: ["◌", "queued", "quiet"],
  staged: ["◌", "staged", "quiet"],
  scheduled: ["◷", "scheduled", "ok"],
  working: ["●", "working", "ok"],
  partial: ["◐", "partial", "ok"],
  filled: ["✔", "filled", "quiet"],
  cancel_pending: ["…", "cancel pending", "pending"],
  expire_pending: ["…", "expiry pending", "pending"],
  replace_pending: ["…", "amend pending", "pending"],
  canceled: ["✕", "canceled", "quiet"],
  rejected: ["⊘", "rejected", "bad"],
  expired: ["⌛", "expired", "quiet"],
};
// Which way it goes: sign and words.
const SIDES = { buy: "▲ Buy", sell: "▼ Sell", sell_short: "▼ Sell short", sell_short_exempt: "▼ Sell short exempt" };
export const sideOf = (row) => SIDES[row.side] || row.side;
const DONE = new Set(["filled", "canceled", "rejected", "expired"]);
const OUT = new Set(["queued", "scheduled", "working", "partial", "cancel_pending", "expire_pending", "replace_pending"]);

export const isDone = (row) => DONE.has(row.status);
// A cancel still makes sense: open, and not asked to stop already.
export const canCancel = (row) => !DONE.has(row.status) && !["cancel_pending", "expire_pending"].includes(row.status);
export const canAmend = (row) => !DONE.has(row.status) && !row.status.endsWith("_pending");
export const canPlan = (row) => ["staged", "partial"].includes(row.status);
export const canExecute = (row) => ["staged", "scheduled", "partial", "working"].includes(row.status);

export const VIEWS = [
  { key: "all", word: "All", has: () => true, empty: "No orders yet today." },
  { key: "working", word: "Working", has: (row) => OUT.has(row.status), empty: "Nothing is working. Orders appear here once they are at a venue." },
  { key: "staged", word: "Staged", has: (row) => row.status === "staged", empty: "No staged orders. Orders wait here when no rule routes them." },
  { key: "flagged", word: "Flagged", has: (row) => row.status === "review", empty: "Nothing waits for a review." },
  { key: "done", word: "Done", has: isDone, empty: "Nothing is done yet today." },
];
