// The live connection: hello, snapshot, deltas, heartbeats; gaps and reconnects resume from the last seq.
import { now } from "./time.js";

const SLOW_MS = 3000;
const DEAD_MS = 10000;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];

// `on` has: path and other(message), both optional, state(name, facts), server(message), snapshot(message), delta(message), loggedOut(why)
export class LiveSocket {
  constructor(on) {
    this.on = on;
    this.seq = null;
    this.gaps = 0;
    this.tries = 0;
    this.since = null;
    this.state = "";
    this.heard = performance.now();
    setInterval(() => this.watch(), 500);
    addEventListener("online", () => this.state === "closed" && this.retry());
    this.open();
  }

  open() {
    this.say(this.since === null ? "connecting" : "reconnecting");
    const where = new URL(this.on.path || "/ws/desk/", location.href);
    where.protocol = where.protocol.replace("http", "ws");
    if (this.seq !== null) where.searchParams.set("seq", this.seq);
    const socket = new WebSocket(where);
    this.socket = socket;
    this.heard = performance.now();
    socket.onmessage = (event) => socket === this.socket && this.hear(JSON.parse(event.data));
    socket.onclose = (event) => socket === this.socket && this.lost(event.code);
  }

  hear(message) {
    this.heard = performance.now();
    const back = this.since !== null && this.state !== "reconnected";
    if (message.type === "hello" || message.type === "hb") this.on.server(message);
    if (message.type === "snapshot") {
      this.seq = message.seq;
      this.on.snapshot(message);
    } else if (message.type === "delta") {
      if (message.after !== this.seq) return this.gap(message);
      this.seq = message.seq;
      this.on.delta(message);
    } else if (message.type === "hb" && message.seq !== this.seq) {
      return this.gap(message);
    }
    else if (this.on.other) this.on.other(message);
    if (message.type === "hello") return;
    this.tries = 0;
    if (back) {
      this.say("reconnected");
      setTimeout(() => { if (this.state === "reconnected") { this.since = null; this.say("live"); } }, 2000);
    } else if (this.state !== "reconnected") {
      this.say("live");
    }
  }

  gap(message) {
    if (this.seq === null) return;
    this.gaps += 1;
    console.info("a message was missed: have", this.seq, "got", message.after ?? message.seq);
    this.socket.send(JSON.stringify({ type: "resume", seq: this.seq }));
  }

  watch() {
    const quiet = performance.now() - this.heard;
    if (this.socket.readyState === WebSocket.CONNECTING) {
      // A handshake that is never answered would wait for ever without an error.
      if (quiet > DEAD_MS) { this.socket.close(); this.lost(1006); }
      return;
    }
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (quiet > DEAD_MS) { this.socket.close(); this.lost(1006); }
    else if (quiet > SLOW_MS && this.state !== "connecting") this.say("slow");
  }

  lost(code) {
    this.socket = { readyState: WebSocket.CLOSED, close() {}, send() {} };
    this.since ??= now();
    if (code === 4401 || code === 4403) {
      this.say("closed");
      return this.on.loggedOut(code);
    }
    // Spread out: all screens lose a server at the same moment.
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.tries += 1;
    this.say("closed", { retryMs: wait });
    this.timer = setTimeout(() => this.open(), wait);
  }

  retry() {
    clearTimeout(this.timer);
    this.open();
  }

  say(state, facts = {}) {
    if (state === this.state && state !== "closed") return;
    this.state = state;
    this.on.state(state, { since: this.since, ...facts });
  }
}
