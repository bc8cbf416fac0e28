// Models: their versions, which of them answer, and whether what they see has drifted.
import { go, h, problem } from "./dom.js";
import { still } from "./grid.js";
import { name, statements, table } from "./server.js";

export async function show(place, _, signal) {
  place.append(h("h1", {}, "Models"));
  const [{ models }] = await statements("SHOW MODELS;", signal);
  if (!models.length) {
    const words = "No model is registered. CREATE MODEL takes one of TensorFlow, ONNX, scikit-learn or plain Python; the functions";
    place.append(h("p", { class: "quiet" }, words, " embed, classify, cluster_id and template_id are there without."));
  }
  for (const model of models) place.append(await one(model, signal));
}

async function one(model, signal) {
  const asked = `DESCRIBE MODEL ${name(model.name)}; SHOW MODEL HISTORY ${name(model.name)}; SHOW STREAMS;`;
  const [{ modelDescription: about, forPeople }, history, { streams }] = await statements(asked, signal);
  const facts = [
    ...Object.entries(about.aliases).map(([alias, version]) => [alias.toLowerCase(), `version ${version}`]),
    ...["split", "canary", "shadow", "monitor"].filter((way) => about[way]).map((way) => [way, about[way]]),
  ];
  const changes = still(history.forPeople.columns, history.forPeople.rows, { label: `History of ${model.name}` });
  const drift = streams.find((stream) => stream.name.toUpperCase() === `${model.name.toUpperCase()}__DRIFT`);
  return h(
    "section",
    {},
    h("h2", {}, model.name, " ", h("small", {}, model.signature)),
    h("dl", { class: "facts small" }, facts.map(([label, value]) => h("div", { class: "fact" }, h("dt", {}, label), h("dd", {}, value)))),
    still(...without(forPeople, "Loader", "Sha256"), { label: `Versions of ${model.name}` }),
    drift && (await drifted(drift.name, signal)),
    h("details", {}, h("summary", {}, "History"), changes),
  );
}

function without({ columns, rows }, ...names) {
  const left = (cells) => cells.filter((_, at) => !names.includes(columns[at]));
  return [left(columns), rows.map(left)];
}

// The last windows' figures.
async function drifted(stream, signal) {
  const asked = "SELECT WINDOW_END, VERSION, COLUMN_NAME, METRIC, VALUE, DRIFTED, ROWS_SEEN";
  try {
    const { columns, rows } = await table(`${asked} FROM ${name(stream)} ORDER BY WINDOW_END DESC LIMIT 20;`, signal);
    const [state, words] = rows.some((row) => row[5]) ? ["error", "has drifted"] : ["live", "no drift"];
    const heading = h("h3", {}, "Drift ", h("span", { class: `state ${state}` }, words), " ", h("a", { href: go("live", stream) }, "live"));
    return [heading, rows.length > 0 && still(columns, rows, { label: "Drift", times: ["WINDOW_END"] })];
  } catch (error) {
    return problem(error);
  }
}
