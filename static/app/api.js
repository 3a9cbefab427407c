// The REST API with the browser's session. Refusals become errors that know their fields.
export class Refusal extends Error {
  constructor(status, body, requestId) {
    super(body.error || `The server answered ${status}.`);
    this.status = status;
    this.code = body.code || "";
    this.details = body.error_details || [];
    this.requestId = requestId;
  }
}

export class Unreachable extends Error {}

export async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { "X-CSRFToken": document.body.dataset.csrf, ...(body && { "Content-Type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw new Unreachable("The server cannot be reached. Whether it took the request is not known: the same attempt can be repeated safely.");
  }
  const text = await answer.text();
  let content = {};
  try { content = text ? JSON.parse(text) : {}; } catch { /* an error page of a proxy */ }
  if (!answer.ok) throw new Refusal(answer.status, content, answer.headers.get("X-Request-ID") || "");
  return content;
}

export const order = (id, tail = "") => `/v1/trading/order/${encodeURIComponent(id)}/${tail}`;
export const freshId = (prefix) => `${prefix}-${crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
export const saying = (error) => error.message + (error.requestId ? ` (request ${error.requestId})` : "");
