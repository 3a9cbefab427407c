// Booked shares that another firm is to clear: the second person's word, on every page that lists them.
const told = (approve) => (approve ? "Agreed: it is taken back and booked again." : "Refused: it stays where it is.");

// `on` is what a pressed button carries, `act` sends a request and says what became of it.
export function givingUp(on, act) {
  const decide = (id, approve) => act("POST", `/v1/ops/give-up/${encodeURIComponent(id)}/decide/`, { approve, note: "" }, told(approve));
  if (on.give) return decide(on.give, true);
  if (on.keepHere) return decide(on.keepHere, false);
  return null;
}
