// The filter's little language: `status:working side:buy cusip:9128 -account:ALPHA word`.
const SAME = { flagged: "review", pending: "cancel_pending", cancelled: "canceled" };
const KEYS = {
  status: (row, text) => row.status.startsWith(SAME[text] || text.replace(" ", "_")),
  side: (row, text) => row.side.startsWith(text),
  cusip: (row, text) => row.cusip.toLowerCase().includes(text),
  account: (row, text) => row.acct.toLowerCase().includes(text),
  trader: (row, text) => row.trader.toLowerCase().includes(text),
};
const HAY = ["id", "coid", "sec", "cusip", "acct", "trader", "why"];

// Returns {fault, match}: `fault` names the first part that is not understood.
export function parse(text) {
  const tests = [];
  let fault = "";
  for (const raw of text.trim().toLowerCase().split(/\s+/).filter(Boolean)) {
    const not = raw.startsWith("-") && raw.length > 1;
    const part = not ? raw.slice(1) : raw;
    const colon = part.indexOf(":");
    const key = colon > 0 ? part.slice(0, colon) : "";
    const value = colon > 0 ? part.slice(colon + 1) : part;
    if (key && !KEYS[key]) { fault ||= `unknown “${key}:”`; continue; }
    if (key && !value) continue;
    const test = key ? (row) => KEYS[key](row, value) : (row) => HAY.some((name) => row[name].toLowerCase().includes(value));
    tests.push(not ? (row) => !test(row) : test);
  }
  return { fault, match: (row) => tests.every((test) => test(row)) };
}
