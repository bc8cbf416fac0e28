// Statements typed here: their answers, rows as they come, the place of what is wrong. Kept for this tab's session only.
import { count, h, problem } from "./dom.js";
import { Grid, still } from "./grid.js";
import { query, session, split, statements } from "./server.js";

const HISTORY_MAX = 50;
const EXAMPLES = {
  "What is there?": "SHOW TABLES;\nSHOW STREAMS;\nSHOW QUERIES;",
  "Make a stream": `CREATE STREAM readings (room STRING KEY, degrees DOUBLE)
  WITH (KAFKA_TOPIC = 'readings', PARTITIONS = 1, VALUE_FORMAT = 'JSON');`,
  "Write records": "INSERT INTO readings VALUES ('hall', 19.5);\nINSERT INTO readings VALUES ('attic', 31.0);",
  "Make a table that counts": `CREATE TABLE warm AS
  SELECT room, COUNT(*) AS times, MAX(degrees) AS most
  FROM readings WINDOW TUMBLING (SIZE 1 MINUTE)
  WHERE degrees > 25
  GROUP BY room EMIT CHANGES;`,
  "Ask a table once": "SELECT * FROM warm WHERE times > 0;",
  "Follow a stream": "SELECT * FROM readings EMIT CHANGES;",
  "See a query's plan": "EXPLAIN SELECT room, COUNT(*) FROM readings GROUP BY room EMIT CHANGES;",
  "What went wrong?": "SELECT query, kind, reason FROM mergus_processing_log ORDER BY time DESC LIMIT 20;",
};

const kept = {
  get: (name, other) => JSON.parse(sessionStorage.getItem(`mergus.${name}`)) ?? other,
  set: (name, value) => sessionStorage.setItem(`mergus.${name}`, JSON.stringify(value)),
};

export function show(place, _, signal) {
  const editor = h("textarea", {
    id: "sql", rows: 6, spellcheck: "false", autocapitalize: "off", autocomplete: "off",
    placeholder: "SELECT * FROM a_table WHERE …;", "aria-describedby": "keys",
    onkeydown: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && (event.preventDefault(), run()),
    oninput: () => kept.set("text", editor.value),
  });
  const early = h("input", { type: "checkbox" });
  const starts = h("button", { type: "button", class: "main", onclick: () => run() }, "Run");
  const stops = h("button", { type: "button", disabled: true, onclick: () => stop.abort() }, "Stop");
  const choice = h("select", { "aria-label": "Examples and history", onchange: () => take() });
  const keys = h("span", { class: "quiet", id: "keys" }, "Ctrl-Enter runs what is selected, or all");
  const results = h("div", { class: "results" });
  let stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());

  function take() {
    editor.value = choice.value;
    kept.set("text", editor.value);
    choice.selectedIndex = 0;
    editor.focus();
  }

  function offer() {
    const option = (label, text) => h("option", { value: text }, label);
    const examples = Object.entries(EXAMPLES).map(([label, text]) => option(label, text));
    const past = kept.get("history", []).map((text) => option(text.replace(/\s+/g, " ").slice(0, 70), text));
    const title = h("option", { value: "", disabled: true, selected: true }, "Examples and history");
    choice.replaceChildren(title, h("optgroup", { label: "Examples" }, examples));
    if (past.length) choice.append(h("optgroup", { label: "This session" }, past));
  }

  // What is selected, or else all; one statement after the other, until one is refused.
  async function run() {
    const [from, to] = [editor.selectionStart, editor.selectionEnd];
    const [text, at] = from < to ? [editor.value.slice(from, to), from] : [editor.value, 0];
    if (!text.trim() || !stops.disabled) return;
    kept.set("history", [text, ...kept.get("history", []).filter((other) => other !== text)].slice(0, HISTORY_MAX));
    offer();
    stop = new AbortController();
    stops.disabled = !(starts.disabled = true);
    results.replaceChildren();
    for (const statement of split(text)) {
      const answer = results.appendChild(h("section", { class: "answer" }, h("pre", { class: "quiet" }, statement.text)));
      try {
        await carryOut(statement.text, answer, early.checked, stop.signal);
      } catch (error) {
        if (!stop.signal.aborted) {
          answer.appendChild(problem(error)).scrollIntoView({ block: "nearest" });
          select(editor, error.message, at + statement.at, statement.text);
        }
        break;
      }
    }
    stops.disabled = !(starts.disabled = false);
  }

  editor.value = kept.get("text", "");
  offer();
  place.append(
    h("h1", {}, h("label", { for: "sql" }, "SQL")),
    editor,
    h("p", { class: "bar" }, starts, stops, choice, h("label", {}, early, " from the beginning"), keys),
    results,
  );
  editor.focus();
}

async function carryOut(text, answer, early, signal) {
  if (!/^[(\s]*(SELECT|WITH|PRINT)\b/i.test(text)) {
    const entities = await statements(`${text};`, signal);
    answer.append(...(entities.length ? entities : [{ message: "Done." }]).flatMap(told));
    return remember(text);
  }
  const goesOn = /\bEMIT\s+CHANGES\b|^PRINT\b/i.test(text);
  const begun = performance.now();
  const state = h("p", { class: "quiet" }, "asking …");
  const grid = new Grid({ newest: goesOn, told: (rows) => (state.textContent = `${rows}${words}`) });
  let words = goesOn ? ", going on" : "";
  answer.append(state, grid.element);
  try {
    for await (const { columns, rows } of query(`${text};`, { signal, properties: early ? { "auto.offset.reset": "earliest" } : {} })) {
      if (columns) grid.begin(columns);
      else rows.forEach(({ cells }) => grid.put(cells, goesOn));
    }
    words = `, ${count(Math.round(performance.now() - begun))} ms`;
  } catch (error) {
    words = signal.aborted ? ", stopped" : "";
    if (!grid.columns.length) [state, grid.element].forEach((each) => each.remove());
    throw error;
  } finally {
    grid.tell();
  }
}

function told({ forPeople, message, commandStatus, warnings = [] }) {
  const words = commandStatus?.message ?? message;
  return [
    words && h("p", { class: "done" }, words),
    warnings.map((warning) => h("p", { class: "problem" }, warning.message)),
    forPeople?.columns.length ? still(forPeople.columns, forPeople.rows, {}) : null,
    forPeople?.text && h("pre", { class: "box" }, forPeople.text),
  ].flat().filter(Boolean);
}

// SET and DEFINE have been looked at by the server; they go along with what follows.
function remember(text) {
  const [, word, name, value] = text.match(/^(SET|UNSET|DEFINE|UNDEFINE)\s+'?([\w.]+)'?(?:\s*=\s*'((?:[^']|'')*)')?/i) ?? [];
  if (!word) return;
  const held = /^(UN)?SET$/i.test(word) ? session.properties : session.variables;
  const key = held === session.variables ? name.toUpperCase() : name;
  if (/^UN/i.test(word)) delete held[key];
  else held[key] = value?.replaceAll("''", "'");
}

// Selects the place that a refusal names: `line 2:5: the line`, with carets below.
function select(editor, message, at, statement) {
  const [, line, column, carets] = message.match(/^line (\d+):(\d+): .*\n *(\^+)/m) ?? [];
  if (!line) return;
  const lines = statement.split("\n");
  const start = at + lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + Number(column) - 1;
  editor.focus({ preventScroll: true });
  editor.setSelectionRange(start, start + carets.length);
}
