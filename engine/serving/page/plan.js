// One query: its statement, and what each part of its plan has done.
import { every, go, h, morph, problem } from "./dom.js";
import { ofQuery } from "./log.js";
import { statements } from "./server.js";

const EVERY_MS = 3000;

export async function show(place, [id], signal) {
  const told = h("div");
  place.append(h("h1", {}, id), h("p", {}, h("a", { href: go("log", ofQuery(id)) }, "Its problems")), told);
  if (!/^\w+$/.test(id)) throw new Error("That is no query's id."); // it becomes a part of a statement
  await every(EVERY_MS, signal, async () => {
    try {
      const [queries, { forPeople }] = await statements(`SHOW QUERIES; EXPLAIN ANALYZE ${id};`, signal);
      const query = queries.queries.find((each) => each.id === id);
      const state = h("span", { class: `state ${query.state.toLowerCase()}` }, query.state.toLowerCase());
      const texts = [h("pre", { class: "box" }, query.queryString), h("pre", { class: "box plan" }, forPeople.text)];
      morph(told, h("div", {}, h("p", {}, state), texts));
    } catch (error) {
      if (!signal.aborted) morph(told, h("div", {}, problem(error)));
    }
  });
}
