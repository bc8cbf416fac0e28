// A table or stream while it changes: what it holds, then every change, the newest marked.
import { count, go, h, problem } from "./dom.js";
import { Grid, KEPT_MAX } from "./grid.js";
import { name, query, statements, table } from "./server.js";
import { type } from "./overview.js";

const AGAIN_MS = 2000;
const REFUSED = 400;

// Puts what the query `held` answers into the grid, then what `changes` brings, until `signal`. The changes are asked for
// first, so that none is missed in between. After a break (a restart, a network) all is asked again; `told` hears how it is.
async function follow(grid, { held, changes, take, ...options }, signal, told) {
  while (!signal.aborted) {
    try {
      told("asking");
      for await (const { columns, rows } of query(changes, { signal, ...options })) {
        if (rows) take(rows);
        else {
          const found = held ? await table(held, signal) : { columns, rows: [] };
          grid.begin(found.columns);
          found.rows.forEach((cells) => grid.put(cells));
          told("live");
        }
      }
      told("ended");
    } catch (error) {
      if (signal.aborted) return;
      told("ended", error);
      if (error.status === REFUSED) return; // it would be refused again
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

// A view of rows that change. `asks(where, grid, early)` says which queries to `follow`, `grid` how its rows are kept.
export function watch(place, { heading, about, path, where, example, asks, grid: kept, streams }, signal) {
  const state = h("span", { class: "state", role: "status" });
  const rows = h("span", { class: "quiet" });
  const [trouble, sheet] = [h("div"), h("div")];
  const plain = { spellcheck: "false", autocomplete: "off", autocapitalize: "off" };
  const box = h("input", { id: "filter", value: where, placeholder: `for example ${example}`, ...plain });
  const early = h("input", { type: "checkbox", onchange: () => begin() });
  const pause = h("button", { type: "button", "aria-pressed": "false", onclick: () => hold(!grid.paused) }, "Pause");
  let [grid, stop, way] = [null, new AbortController(), "asking"];
  signal.addEventListener("abort", () => stop.abort());

  function hold(on) {
    grid.pause(on);
    pause.setAttribute("aria-pressed", on);
    pause.textContent = on ? "Go on" : "Pause";
    tell(way);
  }

  function tell(now, error) {
    way = now;
    const shown = now === "live" && grid.paused ? "paused" : now;
    state.className = `state ${shown}`;
    state.textContent = { asking: "asking …", ended: error?.status === REFUSED ? "refused" : "asking again" }[shown] ?? shown;
    trouble.replaceChildren(...(error ? [problem(error)] : []));
  }

  function begin() {
    stop.abort();
    stop = new AbortController();
    const condition = box.value.trim();
    history.replaceState(null, "", go(...path, ...(condition ? [condition] : [])));
    const told = (held, waiting) => {
      rows.textContent = waiting ? `${held}; ${count(waiting)} change${waiting > 1 ? "s" : ""} waiting` : held;
    };
    grid = new Grid({ told, ...kept });
    sheet.replaceChildren(grid.element);
    hold(false);
    // it may come with a link, and must not bring a statement of its own
    if (condition.includes(";")) tell("ended", Object.assign(new Error("A condition holds no semicolon."), { status: REFUSED }));
    else follow(grid, asks(condition, grid, early.checked), stop.signal, tell);
  }

  const filter = { class: "bar", role: "search", onsubmit: (event) => (event.preventDefault(), begin()) };
  place.append(
    h("h1", {}, heading),
    h("p", { class: "quiet" }, about),
    h("form", filter, h("label", { for: "filter" }, "WHERE"), box, h("button", {}, "Filter"), pause),
    h("p", { class: "bar" }, state, rows, streams && h("label", {}, early, " from the beginning")),
    trouble,
    sheet,
  );
  begin();
}

// A condition is asked as one more column, not as WHERE: a row that meets it no longer has to leave the page, and of such a
// row a query that began just now would say nothing.
const ofTable = (source) => (where, grid) => {
  const take = (rows) => {
    for (const { cells, deleted } of rows) {
      const meets = !where || cells.pop() === true;
      if (deleted || !meets) grid.drop(cells);
      else grid.put(cells, true);
    }
  };
  const [asked, condition] = where ? [`*, (${where}) AS \`meets\``, ` WHERE ${where}`] : ["*", ""];
  const held = `SELECT * FROM ${source}${condition} LIMIT ${KEPT_MAX};`;
  return { held, changes: `SELECT ${asked} FROM ${source} EMIT CHANGES;`, deletions: true, take };
};

const ofStream = (source) => (where, grid, early) => ({
  changes: `SELECT * FROM ${source}${where && ` WHERE ${where}`} EMIT CHANGES;`,
  properties: { "auto.offset.reset": early ? "earliest" : "latest" },
  take: (rows) => rows.forEach(({ cells }) => grid.put(cells, true)),
});

export async function show(place, [source, where = ""], signal) {
  const [{ sourceDescription: told }] = await statements(`DESCRIBE ${name(source)};`, signal);
  const isTable = told.type === "TABLE";
  const keys = told.fields.filter((field) => field.type === "KEY").map((field) => field.name);
  const field = told.fields.find((each) => each.type !== "KEY") ?? told.fields[0];
  const writers = told.writeQueries.flatMap(({ id }) => [" · written by ", h("a", { href: go("query", id) }, id)]);
  const described = {
    heading: source,
    about: [told.windowType ? `table of ${told.windowType.toLowerCase()} windows` : told.type.toLowerCase(), writers],
    path: ["live", source],
    where,
    example: `${field.name} ${/INT|DOUBLE|DECIMAL/.test(type(field.schema)) ? "> 20" : "LIKE '%error%'"}`,
    asks: (isTable ? ofTable : ofStream)(name(source)),
    grid: { label: source, keys: isTable ? [...keys, "WINDOWSTART", "WINDOWEND"] : null, newest: !isTable },
    streams: !isTable,
  };
  watch(place, described, signal);
}
