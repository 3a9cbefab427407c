// The grid of orders. It paints what the store says; nothing moves while a person points at it.
import { grouped } from "./figures.js";
import { etShort } from "./time.js";
import { FACES, sideOf } from "./words.js";

const FLASH_MS = 600;
const RESORT_MS = 500;
const FLASHING = new Set(["cum", "leaves", "avg", "ytm", "status", "why"]);

const make = (tag, className, text) => {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
};
const plain = (field) => (row) => row[field];
const FIELDS = {
  id(row) { const node = make("span", "", row.id); node.id = `o-${row.id}`; return node; },
  t: (row) => etShort(row.t),
  upd: (row) => etShort(row.upd),
  side(row) {
    const [mark, ...words] = sideOf(row).split(" ");
    const node = make("span", `side ${row.side}`);
    const sign = make("span", "", `${mark} `);
    sign.ariaHidden = "true";
    node.append(sign, words.join(" "));
    return node;
  },
  par: (row) => grouped(row.par),
  leaves: (row) => (row.leaves === "0" ? make("span", "zero", "0") : grouped(row.leaves)),
  cum(row) {
    const share = Math.min(Number(row.cum) / Number(row.par), 1);
    const box = make("div", "meter");
    const level = make("div", "level");
    level.style.width = `${(share * 100).toFixed(1)}%`;
    box.append(level, make("div", row.cum === "0" ? "amount zero" : "amount", grouped(row.cum)));
    return box;
  },
  status(row) {
    const [icon, word, tone] = FACES[row.status] || ["•", row.status, "quiet"];
    const node = make("span", `face ${tone}`);
    const sign = make("span", "", `${icon} `);
    sign.ariaHidden = "true";
    node.append(sign, word);
    return node;
  },
};
const TIPS = { id: (r) => `${r.id}${r.coid ? `\nclient id ${r.coid}` : ""}`, t: (r) => `${r.t} UTC`, upd: (r) => `${r.upd} UTC`, sec: (r) => r.sec, acct: (r) => r.acct, trader: (r) => r.trader, lim: (r) => r.limn, avg: (r) => r.avgx, why: (r) => r.why };
const QTY = { par: (r) => grouped(r.par), cum: (r) => grouped(r.cum), leaves: (r) => grouped(r.leaves) };
Object.assign(TIPS, QTY);
const NUMBERS = { par: "par", cum: "cum", leaves: "leaves", lim: "limn", avg: "avgx", ytm: "ytm" };

// Id, name, width at 1680, classes; what gives way on narrower screens says how far.
const COLUMNS = [
  ["id", "Order", 76, "mono"], ["t", "Time ET", 74], ["trader", "Trader", 82], ["acct", "Account", 78],
  ["side", "Side", 52], ["sec", "Security", 122], ["cusip", "CUSIP", 84], ["par", "Par", 78, "num"],
  ["cum", "Filled", 78, "num meter"], ["leaves", "Leaves", 78, "num"], ["lim", "Limit", 60, "num"],
  ["avg", "Avg px", 78, "num"], ["ytm", "YTM %", 54, "num"], ["ses", "Session", 64, "quiet"],
  ["status", "Status", 106], ["why", "Reason", 104], ["upd", "Updated", 74, "quiet"],
];
const GIVES = { why: 30, sec: 18, trader: 14, id: 4 };
// What goes, in this order, where the rest would be pushed out of sight; the panel has all of it.
const GOES = ["ses", "upd", "ytm", "trader"];
// A longer quantity is set smaller: a number must never lose digits to an ellipsis.
const LONGEST = 10;

function columns() {
  return COLUMNS.map(([id, name, width, cssClass = ""]) => ({
    id, field: id, name, width, minWidth: 40, cssClass, sortable: true, resizable: true, focusable: false,
    headerCssClass: cssClass.includes("num") ? "num sortable" : "sortable",
    toolTip: id === "why" ? "Failed controls, or the reason" : "",
    defaultSortAsc: !["t", "upd"].includes(id),
    formatter(_r, _c, _v, _col, row) {
      const content = (FIELDS[id] || plain(id))(row);
      return {
        ...(typeof content === "string" ? { text: content } : { html: content }),
        addClasses: [row.flash?.has(id) && "flash", QTY[id]?.(row).length > LONGEST && "long"].filter(Boolean).join(" "),
        toolTip: TIPS[id]?.(row) || "",
      };
    },
  }));
}

function comparator(sort) {
  const down = sort.startsWith("-");
  const field = NUMBERS[sort.replace("-", "")] || sort.replace("-", "");
  const numeric = field !== sort.replace("-", "") || ["par", "cum", "leaves", "ytm"].includes(field);
  const value = numeric ? (row) => (row[field] === "" ? -Infinity : Number(row[field])) : (row) => row[field];
  return (a, b) => {
    const x = value(a), y = value(b);
    if (x !== y) return (x < y ? -1 : 1) * (down ? -1 : 1);
    return a.t < b.t ? 1 : a.t > b.t ? -1 : a.id < b.id ? 1 : -1;
  };
}

export class Blotter {
  // `on` has: focus(row|null), select(rows), paint(), sort(text), open(row)
  constructor(box, { nonce, sort, on }) {
    this.box = box;
    this.on = on;
    this.rows = new Map();
    this.shown = [];
    this.selected = new Set();
    this.focusId = "";
    this.sort = sort;
    this.has = () => true;
    this.pointer = false;
    this.frozen = false;
    this.held = new Map();
    this.unplaced = new Set();
    this.anchor = 0;
    const provider = {
      getLength: () => this.shown.length,
      getItem: (n) => this.rows.get(this.shown[n]),
      getItemMetadata: (n) => {
        const id = this.shown[n];
        const marks = [this.selected.has(id) && "selected", id === this.focusId && "focused"].filter(Boolean);
        return marks.length ? { cssClasses: marks.join(" ") } : null;
      },
    };
    this.grid = new window.Slick.Grid(box, provider, columns(), {
      nonce, rowHeight: 24, headerRowHeight: 26, enableCellNavigation: false, enableColumnReorder: false,
      enableHtmlRendering: false, multiColumnSort: false, enableTextSelectionOnCells: true, forceFitColumns: false,
    });
    this.tame();
    this.showSort();
    this.listen();
    this.fit();
  }

  // SlickGrid puts tab stops on its panes; the grid itself is the one stop, with an active row.
  tame() {
    for (const node of this.box.querySelectorAll("[tabindex]")) node.removeAttribute("tabindex");
    this.box.tabIndex = 0;
    this.box.setAttribute("aria-multiselectable", "true");
    for (const head of this.box.querySelectorAll(".slick-header-column")) {
      head.tabIndex = 0;
      head.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        event.stopPropagation();
        this.sortBy(head.dataset.id);
      });
    }
  }

  listen() {
    this.grid.onSort.subscribe((_e, args) => {
      const id = args.sortCol.id;
      this.setSort(args.sortAsc ? id : `-${id}`);
    });
    this.grid.onClick.subscribe((event, args) => this.click(event, args.row));
    this.grid.onDblClick.subscribe((_e, args) => this.on.open(this.rows.get(this.shown[args.row])));
    this.box.addEventListener("pointerenter", () => { this.pointer = true; });
    this.box.addEventListener("pointerleave", () => { this.pointer = false; this.settle(); });
    this.box.addEventListener("focusout", () => queueMicrotask(() => this.settle()));
    new ResizeObserver(() => { this.grid.resizeCanvas(); this.fit(); }).observe(this.box);
  }

  // What is left of the width goes to id, security and reason; a little that lacks comes from them.
  fit() {
    let kept = COLUMNS;
    const sumOf = (value) => kept.reduce((total, column) => total + value(column), 0);
    const given = ([id]) => GIVES[id] || 0, space = this.box.clientWidth - 14;
    for (const id of GOES) if (sumOf(([, , width]) => width) - sumOf(given) > space) kept = kept.filter((column) => column[0] !== id);
    const room = space - sumOf(([, , width]) => width), gives = sumOf(given);
    const share = Math.min(Math.max(-room, 0), gives) / gives;
    const extra = Math.max(room, 0);
    const more = { sec: Math.min(Math.round(extra * 0.25), 60), id: Math.min(Math.round(extra * 0.2), 80) };
    more.why = extra - more.sec - more.id;
    const width = ([id, , usual]) => Math.floor(usual + (more[id] || 0) - (GIVES[id] || 0) * share);
    const widths = Object.fromEntries(kept.map((column) => [column[0], width(column)]));
    this.grid.setColumns(columns().filter((column) => column.id in widths).map((column) => ({ ...column, width: widths[column.id] })));
    this.tame();
    this.showSort();
  }

  // --- what is shown ---------------------------------------------------------------------------
  steady() {
    return this.frozen || this.pointer || this.box.contains(document.activeElement);
  }

  replaceAll(rows) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.held.clear();
    for (const id of this.selected) if (!this.rows.has(id)) this.selected.delete(id);
    this.layout();
  }

  take(changed) {
    if (this.frozen) {
      for (const row of changed) this.held.set(row.id, { ...this.held.get(row.id), ...row });
      this.on.paint();
      return;
    }
    const touched = [];
    for (const part of changed) {
      const old = this.rows.get(part.id);
      if (!old && part.t === undefined) continue;
      const flash = new Set(old ? Object.keys(part).filter((name) => FLASHING.has(name)) : []);
      this.rows.set(part.id, { ...old, ...part, flash });
      touched.push(part.id);
    }
    if (this.steady() && this.shown.length) {
      for (const id of touched) if (!this.shown.includes(id) && this.has(this.rows.get(id))) this.unplaced.add(id);
      this.repaint(touched);
    } else {
      this.layoutSoon(touched);
    }
    setTimeout(() => this.unflash(touched), FLASH_MS);
    this.on.paint();
  }

  unflash(ids) {
    for (const id of ids) if (this.rows.get(id)) this.rows.get(id).flash = null;
    this.repaint(ids);
  }

  repaint(ids) {
    const wanted = new Set(ids);
    const at = [];
    this.shown.forEach((id, n) => wanted.has(id) && at.push(n));
    if (!at.length) return;
    this.grid.invalidateRows(at);
    this.grid.render();
  }

  layoutSoon(touched) {
    const due = RESORT_MS - (performance.now() - (this.laidOut || -RESORT_MS));
    if (due <= 0) return this.layout();
    this.repaint(touched);
    this.timer ??= setTimeout(() => { this.timer = undefined; if (!this.steady()) this.layout(); }, due);
  }

  settle() {
    if (!this.steady()) this.layoutSoon([]);
  }

  layout() {
    this.laidOut = performance.now();
    const compare = comparator(this.sort);
    const rows = [...this.rows.values()].filter((row) => this.has(row)).sort(compare);
    this.shown = rows.map((row) => row.id);
    this.unplaced.clear();
    this.grid.invalidate();
    this.box.setAttribute("aria-rowcount", this.shown.length + 1);
    this.on.paint();
  }

  show(has) {
    this.has = has;
    this.layout();
    this.grid.scrollRowToTop(0);
    if (this.focusId && !this.shown.includes(this.focusId)) this.focus("");
  }

  freeze(frozen) {
    this.frozen = frozen;
    if (frozen) return;
    const held = [...this.held.values()];
    this.held.clear();
    this.take(held);
    this.layout();
  }

  sortBy(id) {
    this.setSort(this.sort === id ? `-${id}` : id);
  }

  setSort(sort) {
    this.sort = sort;
    this.showSort();
    this.layout();
    this.on.sort(sort);
  }

  showSort() {
    const id = this.sort.replace("-", "");
    if (this.grid.getColumnIndex(id) !== undefined) this.grid.setSortColumn(id, !this.sort.startsWith("-"));
    for (const head of this.box.querySelectorAll(".slick-header-column")) {
      if (head.dataset.id === id) head.setAttribute("aria-sort", this.sort.startsWith("-") ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  // --- focus and selection ---------------------------------------------------------------------
  click(event, n) {
    const id = this.shown[n];
    const from = event.getNativeEvent ? event.getNativeEvent() : event;
    if (from.shiftKey) {
      const [low, high] = [this.anchor, n].sort((a, b) => a - b);
      this.selected = new Set(this.shown.slice(low, high + 1));
    } else if (from.ctrlKey || from.metaKey) {
      this.toggle(id);
      this.anchor = n;
    } else {
      this.selected = new Set();
      this.anchor = n;
    }
    this.focus(id);
    this.box.focus({ preventScroll: true });
  }

  move(step) {
    if (!this.shown.length) return;
    const at = this.shown.indexOf(this.focusId);
    const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), this.shown.length - 1);
    this.anchor = next;
    this.box.focus({ preventScroll: true });
    this.focus(this.shown[next]);
    this.grid.scrollRowIntoView(next);
  }

  goTo(id) {
    const n = this.shown.indexOf(id);
    if (n < 0) return;
    this.anchor = n;
    this.focus(id);
    this.grid.scrollRowIntoView(n);
  }

  focus(id) {
    const before = this.focusId;
    this.focusId = id;
    this.repaint([before, id]);
    if (id) this.box.setAttribute("aria-activedescendant", `o-${id}`);
    else this.box.removeAttribute("aria-activedescendant");
    this.on.focus(this.rows.get(id) || null);
    this.on.paint();
  }

  toggle(id) {
    if (!id) return;
    if (!this.selected.delete(id)) this.selected.add(id);
    this.repaint([id]);
    this.on.paint();
  }

  selectAll() {
    const all = this.shown.every((id) => this.selected.has(id));
    this.selected = new Set(all ? [] : this.shown);
    this.grid.invalidate();
    this.on.paint();
  }

  unselect() {
    this.selected = new Set();
    this.grid.invalidate();
    this.on.paint();
  }

  // What an action is about: what is selected, else the focused order.
  chosen() {
    const ids = this.selected.size ? [...this.selected] : this.focusId ? [this.focusId] : [];
    return ids.map((id) => this.rows.get(id)).filter(Boolean);
  }
}
