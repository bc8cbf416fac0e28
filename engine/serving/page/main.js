// The way to a view is the part of the address behind #: #/live/ALERTS, #/sql, #/models, #/log/CTAS_ALERTS_0.
import { h, problem } from "./dom.js";
import * as live from "./live.js";
import * as log from "./log.js";
import * as models from "./models.js";
import * as overview from "./overview.js";
import * as plan from "./plan.js";
import * as sql from "./sql.js";
import * as topology from "./topology.js";

const VIEWS = { "": overview, live, log, models, query: plan, sql, topology };
const main = document.getElementById("main");
let leaving = new AbortController();

function turn() {
  leaving.abort(); // whatever the last view still asks, ends
  leaving = new AbortController();
  const { signal } = leaving;
  let [word = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const view = Object.hasOwn(VIEWS, word) ? VIEWS[word] : overview;
  for (const link of document.querySelectorAll("nav a, .brand"))
    if (link.hash === `#/${word}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  const place = h("div", { class: `view ${word || "overview"}` });
  main.replaceChildren(place);
  scrollTo(0, 0);
  document.title = [rest[0] && decodeURIComponent(rest[0]), "Mergus"].filter(Boolean).join(" · ");
  Promise.resolve(view.show(place, rest.map(decodeURIComponent), signal)).catch((error) => {
    if (!signal.aborted) place.append(problem(error));
  });
}

addEventListener("hashchange", () => {
  turn();
  main.focus({ preventScroll: true });
});
turn();
