// Short messages about what worked. Errors stay where they happened and are never only here.
const SHOWN_MS = 5000;

export function toast(text, tone = "") {
  const box = document.getElementById("toasts");
  if (!box) return;
  const node = document.createElement("div");
  node.className = `toast ${tone}`;
  node.textContent = text;
  box.append(node);
  setTimeout(() => node.remove(), SHOWN_MS);
}
