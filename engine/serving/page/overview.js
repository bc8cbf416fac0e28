// What runs and what there is: queries with what they have done, tables and streams with their columns.
import { count, every, go, h, morph } from "./dom.js";
import { ofQuery } from "./log.js";
import { metrics, statements } from "./server.js";

const EVERY_MS = 2000;
const ASKED = "SHOW QUERIES; DESCRIBE TABLES EXTENDED; DESCRIBE STREAMS EXTENDED;";

export async function show(place, _, signal) {
  const server = document.getElementById("server");
  const sheet = place.appendChild(h("div", {}, h("p", { class: "quiet" }, "Asking the server …")));
  let before = null;
  await every(EVERY_MS, signal, async () => {
    try {
      const [[queries, ...described], counters] = await Promise.all([statements(ASKED, signal), metrics(signal)]);
      const now = { at: performance.now(), counters };
      const sources = described.flatMap((each) => each.sourceDescriptions);
      const lasting = queries.queries.filter((query) => query.queryType !== "PUSH");
      const known = lasting.map((query) => told(query, sources, now, before));
      known.sort((a, b) => (b.state === "ERROR") - (a.state === "ERROR"));
      morph(sheet, page(known, sources));
      before = now;
      server.textContent = "";
    } catch (error) {
      if (!signal.aborted) server.textContent = error.message;
    }
  });
  server.textContent = "";
}

// A query with its counters, its speed, and why it failed last.
function told(query, sources, now, before) {
  const counters = now.counters[query.id] ?? {};
  const was = before?.counters[query.id];
  const rate = was && ((counters.rows_in - was.rows_in) * 1000) / (now.at - before.at);
  const stats = sources.find((source) => source.name === query.sinks[0])?.errorStats ?? "";
  const mark = `${query.id}  failed last: `;
  const failed = stats.includes(mark) ? stats.split(mark)[1].split(/\n\w+ {2}failed last: /)[0] : null;
  return { ...query, counters, rate: Math.max(0, rate || 0), failed };
}

const sum = (queries, name) => queries.reduce((total, query) => total + (query.counters[name] ?? 0), 0);

function page(queries, sources) {
  const running = queries.filter((query) => query.state === "RUNNING").length;
  const bad = sum(queries, "rows_bad");
  const fact = (label, value, warns, to) =>
    h("div", { class: warns ? "fact warns" : "fact" }, h("dt", {}, label), h("dd", {}, to ? h("a", { href: to }, value) : value));
  const speed = queries.reduce((total, query) => total + query.rate, 0);
  const [tables, streams] = ["TABLE", "STREAM"].map((type) => sources.filter((source) => source.type === type));
  return h(
    "div",
    {},
    h("h1", { class: "unseen" }, "Overview"),
    h(
      "dl",
      { class: "facts" },
      fact("Queries running", `${running} of ${queries.length}`, running < queries.length),
      fact("Rows a second", count(speed.toFixed(speed < 10 ? 1 : 0))),
      fact("Lag, records", count(sum(queries, "lag_records"))),
      fact("Late rows", count(sum(queries, "rows_late"))),
      fact("Bad rows", count(bad), bad > 0, go("log")),
    ),
    h("h2", {}, "Queries"),
    queries.length ? h("div", { class: "scroll" }, queriesTable(queries)) : nothing("No query runs yet.", "Make a table in"),
    h("h2", {}, "Tables"),
    tables.length ? h("div", { class: "cards" }, tables.map(card)) : nothing("No table yet.", "Make one in"),
    h("h2", {}, "Streams"),
    h("div", { class: "cards" }, streams.map(card)),
  );
}

const nothing = (words, way) => h("p", { class: "quiet" }, words, " ", way, " ", h("a", { href: go("sql") }, "SQL"), ".");

function queriesTable(queries) {
  const heads = ["Query", "State", "Writes", "Rows in", "Rows/s", "Out", "Bad", "Late", "Lag", "Restarts"];
  const number = (label, value, to) =>
    h(
      "td",
      { class: value ? "number" : "number zero", "data-label": label },
      to && value ? h("a", { href: to }, count(value)) : count(value),
    );
  const rows = queries.map(({ id, state, sinks, counters, rate, failed }) => [
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("a", { href: go("query", id) }, id)),
      h("td", { "data-label": "State" }, h("span", { class: `state ${state.toLowerCase()}` }, state.toLowerCase())),
      h("td", { "data-label": "Writes" }, sinks.map((sink) => h("a", { href: go("live", sink) }, sink))),
      number("Rows in", counters.rows_in),
      number("Rows/s", Number(rate.toFixed(rate < 10 ? 1 : 0))),
      number("Out", counters.rows_out),
      number("Bad", counters.rows_bad, go("log", ofQuery(id))),
      number("Late", counters.rows_late),
      number("Lag", counters.lag_records),
      number("Restarts", counters.restarts),
    ),
    failed && h("tr", { class: "reason" }, h("td", { colspan: heads.length }, h("pre", {}, `failed last: ${failed}`))),
  ]);
  const head = heads.map((name, i) => h("th", { scope: "col", class: i > 2 ? "number" : null }, name));
  return h("table", { class: "stacks", "aria-label": "Queries" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows));
}

function card(source) {
  const key = source.type === "TABLE" ? "primary key" : "key";
  const columns = source.fields.map((field) =>
    h("li", {}, field.name, " ", h("small", {}, type(field.schema)), field.type === "KEY" && h("small", { class: "key" }, key)),
  );
  const formats = source.keyFormat === "NONE" ? source.valueFormat : `${source.keyFormat} / ${source.valueFormat}`;
  const about = [`topic ${source.topic}`, formats, source.windowType && `${source.windowType.toLowerCase()} windows`];
  return h(
    "article",
    { class: "card" },
    h("h3", {}, h("a", { href: go("live", source.name) }, source.name)),
    h("p", { class: "quiet" }, about.filter(Boolean).join(" · ")),
    h("ul", { class: "columns" }, columns),
  );
}

export function type({ type: word, parameters, memberSchema, fields }) {
  if (word === "ARRAY") return `ARRAY<${type(memberSchema)}>`;
  if (word === "MAP") return `MAP<STRING, ${type(memberSchema)}>`;
  if (word === "STRUCT") return `STRUCT<${fields.map((field) => `${field.name} ${type(field.schema)}`).join(", ")}>`;
  if (parameters?.size) return `${word}[${parameters.size}]`;
  return parameters ? `${word}(${Object.values(parameters).join(", ")})` : word;
}
