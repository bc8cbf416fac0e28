// What could not be processed, the latest first: which query, why, and the record itself.
import { watch } from "./live.js";
import { literal } from "./server.js";

const LATEST = 200;
const COLUMNS = "TIME, QUERY, KIND, REASON, TOPIC, `PARTITION`, `OFFSET`, `COLUMN`, RECORD";
const SELECT = `SELECT ${COLUMNS} FROM MERGUS_PROCESSING_LOG`;

// The log holds a record's bytes as base64; most records are text.
function readable(record) {
  if (record == null) return null;
  return new TextDecoder().decode(Uint8Array.from(atob(record), (sign) => sign.codePointAt(0)));
}

function asks(condition, grid) {
  const where = condition && ` WHERE ${condition}`;
  return {
    held: `${SELECT}${where} ORDER BY TIME DESC LIMIT ${LATEST};`,
    changes: `${SELECT}${where} EMIT CHANGES;`,
    properties: { "auto.offset.reset": "latest" },
    take: (rows) => rows.forEach(({ cells }) => grid.put(cells, true)),
  };
}

export function show(place, [where = ""], signal) {
  const described = {
    heading: "Problems",
    about: "Records and rows that could not be processed. Each cost only itself: its query went on.",
    path: ["log"],
    where,
    example: "REASON LIKE '%JSON%'",
    asks,
    grid: {
      label: "Problems",
      times: ["TIME"],
      keys: ["TIME", "QUERY", "TOPIC", "PARTITION", "OFFSET", "COLUMN"],
      sort: { at: 0, down: true },
      shape: (cells) => [...cells.slice(0, -1), readable(cells.at(-1))],
    },
  };
  watch(place, described, signal);
}

export const ofQuery = (id) => `QUERY = ${literal(id)}`;
