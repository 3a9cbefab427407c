// The screen's state in the address: view, filter, sort and focused order. A link shows the same to others.
const DEFAULTS = { view: "all", f: "", sort: "-t", order: "" };

export function read() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(Object.entries(DEFAULTS).map(([key, value]) => [key, given.get(key) ?? value]));
}

export function write(state) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(DEFAULTS)) if (state[key] !== value) query.set(key, state[key]);
  const text = query.toString().replaceAll("%3A", ":");
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}
