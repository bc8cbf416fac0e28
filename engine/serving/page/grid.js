// Rows as they come: kept by key where they have one, sorted as the reader likes, the newest changes marked.
import { count, h } from "./dom.js";

const SHOWN_MAX = 500;
export const KEPT_MAX = 5000;
const NUMERIC = /^(INT|BIGINT|DOUBLE|FLOAT$|DECIMAL)/;
const TIMES = ["WINDOWSTART", "WINDOWEND", "ROWTIME"];

const json = (value) => JSON.stringify(value, null, 1).replace(/([[{])?\n\s*([\]}])?/g, (_, opens, shuts) => opens ?? shuts ?? " ");
const text = (value) => (value == null ? "NULL" : typeof value === "object" ? json(value) : String(value));
const day = (date) => date.toLocaleDateString("sv"); // 2026-11-21

const utc = (ms) => new Date(Number(ms)).toJSON(); // null for what is no time

function time(ms) {
  const date = new Date(Number(ms));
  if (utc(ms) === null) return String(ms);
  return (day(date) === day(new Date()) ? "" : day(date) + " ") + date.toLocaleTimeString("sv");
}

function cell(value, column, fresh) {
  const kind = column.time ? "time" : NUMERIC.test(column.type) ? "number" : "text";
  const shown = kind === "time" && value != null ? h("time", { title: utc(value) }, time(value)) : h("div", {}, text(value));
  return h("td", { class: [kind, value == null && "null", fresh && "fresh"].filter(Boolean).join(" ") }, shown);
}

// A whole row, each value in full.
function unfold(columns, cells) {
  const facts = columns.map((column, i) => [
    h("dt", {}, column.name, " ", h("small", {}, column.type)),
    h("dd", {}, h("pre", {}, column.time && cells[i] != null ? `${time(cells[i])}, ${utc(cells[i])}, ${cells[i]} ms` : text(cells[i]))),
  ]);
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Close");
  const dialog = h("dialog", { "aria-label": "Row", onclose: () => dialog.remove() }, h("dl", {}, facts), close);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}

export class Grid {
  // `keys`: names of the columns that tell rows apart; without, each row is one more. `newest`: the last comes on top.
  // `shape` makes of a row's cells what is shown; `times`: more columns that are milliseconds since 1970. `told` hears how
  // many rows there are, and how many changes wait while it is paused.
  constructor({ keys = null, newest = false, label = "Rows", sort, times = [], shape = (cells) => cells, told = () => {} } = {}) {
    Object.assign(this, { names: keys, newest, sort, times: [...TIMES, ...times], shape, told });
    Object.assign(this, { rows: new Map(), columns: [], made: 0, changes: 0 });
    this.body = h("tbody", { onkeydown: (event) => this.pressed(event), onclick: (event) => this.unfold(event) });
    this.head = h("thead");
    this.element = h("div", { class: "scroll" }, h("table", { class: "rows", "aria-label": label }, this.head, this.body));
  }

  // Starts anew; the reader's order stays.
  begin(columns) {
    this.columns = columns.map((column) => ({ ...column, time: column.type === "BIGINT" && this.times.includes(column.name) }));
    this.keys = this.names && columns.flatMap(({ name }, at) => (this.names.includes(name) ? [at] : []));
    const start = columns.findIndex(({ name }) => name === "WINDOWSTART");
    if (this.sort === undefined) this.sort = this.keys && start >= 0 ? { at: start, down: true } : null;
    this.rows.clear();
    this.body.replaceChildren();
    this.rule();
  }

  rule() {
    const heads = this.columns.map(({ name, type, time }, at) => {
      const sorted = this.sort?.at === at ? (this.sort.down ? "descending" : "ascending") : "none";
      const turn = () => {
        this.sort = sorted === "ascending" ? null : { at, down: sorted === "none" };
        this.rule();
        this.head.querySelectorAll("button")[at].focus();
      };
      const button = h("button", { type: "button", onclick: turn, title: "Sort" }, name, " ", h("small", {}, type));
      return h("th", { scope: "col", "aria-sort": sorted, class: NUMERIC.test(type) && !time ? "number" : null }, button);
    });
    this.head.replaceChildren(h("tr", {}, heads));
    this.draw();
  }

  key = (cells) => (this.keys ? JSON.stringify(this.keys.map((at) => cells[at])) : this.made++);

  // Takes a row in, in place of the one with its key; `fresh`: it has changed just now.
  put(cells, fresh = false) {
    const key = this.key(cells);
    const row = this.rows.get(key) ?? { line: h("tr", { tabindex: -1 }), drawn: null };
    Object.assign(row, { cells: this.shape(cells), fresh });
    this.rows.set(key, row);
    if (this.rows.size > KEPT_MAX) this.rows.delete(this.rows.keys().next().value);
    this.changes++;
    this.draw();
  }

  drop(cells) {
    if (this.rows.delete(this.key(cells))) this.changes++;
    this.draw();
  }

  pause(on) {
    this.paused = on;
    this.changes = 0;
    this.draw();
  }

  draw() {
    if (this.waits) return;
    this.waits = true;
    requestAnimationFrame(() => {
      this.waits = false;
      if (!this.paused) this.drawn();
      this.tell();
    });
  }

  drawn() {
    const rows = [...this.rows.values()];
    if (this.newest) rows.reverse();
    if (this.columns[this.sort?.at]) rows.sort(this.order());
    const shown = rows.slice(0, SHOWN_MAX);
    shown.forEach((row, i) => {
      this.fill(row);
      if (this.body.children[i] !== row.line) this.body.insertBefore(row.line, this.body.children[i] ?? null);
    });
    while (this.body.children.length > shown.length) this.body.lastChild.remove();
    if (shown.length && !this.body.querySelector('[tabindex="0"]')) shown[0].line.tabIndex = 0;
  }

  // Only cells whose value is another are made anew, so that what is marked is what has changed.
  fill(row) {
    const { cells, drawn, fresh, line } = row;
    if (cells === drawn) return;
    cells.forEach((value, at) => {
      if (drawn && text(drawn[at]) === text(value)) return;
      const made = cell(value, this.columns[at] ?? { name: "", type: "" }, fresh);
      if (drawn) line.children[at].replaceWith(made);
      else line.append(made);
    });
    row.drawn = cells;
  }

  tell() {
    const { size } = this.rows;
    const all = size >= KEPT_MAX ? `the last ${count(size)}` : count(size);
    this.told(size > SHOWN_MAX ? `${SHOWN_MAX} of ${all} rows shown` : size === 1 ? "1 row" : `${all} rows`, this.paused ? this.changes : 0);
  }

  order() {
    const { at, down } = this.sort;
    const value = NUMERIC.test(this.columns[at].type) ? Number : text;
    const compared = (a, b) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
    return ({ cells: { [at]: a } }, { cells: { [at]: b } }) =>
      a == null || b == null ? (a == null) - (b == null) : compared(value(a), value(b));
  }

  unfold({ target }) {
    const row = getSelection().isCollapsed && [...this.rows.values()].find(({ line }) => line.contains(target));
    if (row) unfold(this.columns, row.cells);
  }

  // Up and down go from row to row, Enter shows one whole.
  pressed(event) {
    const line = event.target.closest("tr");
    const next = { ArrowDown: line.nextElementSibling, ArrowUp: line.previousElementSibling }[event.key];
    if (next || event.key === "Enter") event.preventDefault(); // Enter would press the button that shows up
    if (event.key === "Enter") this.unfold(event);
    if (!next) return;
    line.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

// An answer that is whole.
export function still(columns, rows, options) {
  const grid = new Grid(options);
  grid.begin(columns.map((column) => (column.name ? column : { name: column, type: "" })));
  rows.forEach((row) => grid.put(row));
  return grid.element;
}
