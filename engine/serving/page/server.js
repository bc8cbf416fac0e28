// What the server answers. The page speaks the HTTP interface that every client has: /ksql, /query-stream, /metrics.

const DELETIONS = "application/vnd.ksql.v1+json"; // says of a table's row whether it is deleted
const LINES = "application/vnd.ksqlapi.delimited.v1";

export const session = { properties: {}, variables: {} }; // SET and DEFINE: the server knows no sessions

async function post(path, body, { accept = "application/json", signal } = {}) {
  const along = { streamsProperties: session.properties, sessionVariables: session.variables };
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: accept },
    body: JSON.stringify({ ...along, ...body }),
    signal,
  }).catch((why) => {
    throw why.name === "AbortError" ? why : new Error("The server does not answer. Is it still running?");
  });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(told.message ?? `The server answers with status ${answer.status}.`), { status: answer.status });
}

// The entities that statements answer.
export const statements = async (ksql, signal) => (await post("ksql", { ksql, forPeople: true }, { signal })).json();

// Whole numbers and decimals beyond what JavaScript counts exactly stay the text that they came as.
const exactly = (json) =>
  JSON.parse(json.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (t) => (t[0] !== '"' && t.length > 15 ? `"${t}"` : t)));

// A query's answer, piece by piece: first its columns (null with
// `deletions`), then lists of {cells, deleted}.
export async function* query(sql, { signal, deletions = false, properties = {} } = {}) {
  const along = { sql, properties: { ...session.properties, ...properties } };
  const answer = await post("query-stream", along, { accept: deletions ? DELETIONS : LINES, signal });
  let rest = "";
  for await (const text of texts(answer.body)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    const entries = lines.map((line) => (deletions ? line.replace(/^\[|,$|\]$/g, "") : line)).filter(Boolean).map(exactly);
    for (const told of entries) {
      if (told.header) yield { columns: null };
      else if (told.columnNames) yield { columns: told.columnNames.map((name, i) => ({ name, type: told.columnTypes[i] })) };
      else if (told.message) throw new Error(told.message);
    }
    const rows = entries.filter((told) => Array.isArray(told) || told.row);
    if (rows.length) yield { rows: rows.map((told) => ({ cells: told.row?.columns ?? told, deleted: told.row?.tombstone })) };
  }
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece; !(piece = await reader.read()).done; ) yield piece.value;
}

// A pull query's columns and rows.
export async function table(sql, signal) {
  const found = { columns: [], rows: [] };
  for await (const { columns, rows = [] } of query(sql, { signal })) {
    if (columns) found.columns = columns;
    found.rows.push(...rows.map((row) => row.cells));
  }
  return found;
}

// A query's counters by its id: {rows_in, rows_out, rows_bad, rows_late, lag_records, restarts}.
export async function metrics(signal) {
  const found = {};
  const text = await (await fetch("metrics", { signal })).text();
  for (const [, name, id, value] of text.matchAll(/^mergus_query_(\w+?)(?:_total)?\{query="([^"]+)"\} (\S+)$/gm))
    (found[id] ??= {})[name] = Number(value);
  return found;
}

export const name = (text) => `\`${text.replaceAll("`", "")}\``;
export const literal = (text) => `'${text.replaceAll("'", "''")}'`;

// Statements and where each begins: a semicolon inside a text, a name, a function's body or a comment ends none.
export function split(text) {
  const found = [];
  let start = 0;
  const add = (end) => {
    const at = start + text.slice(start, end).match(/^(?:\s|--[^\n]*|\/\*[\s\S]*?\*\/)*/)[0].length;
    if (at < end) found.push({ text: text.slice(at, end).trimEnd(), at });
    start = end + 1;
  };
  for (const token of text.matchAll(/'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\$\$[\s\S]*?\$\$|--[^\n]*|\/\*[\s\S]*?\*\/|;/g))
    if (token[0] === ";") add(token.index);
  add(text.length);
  return found;
}
