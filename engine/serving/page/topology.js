// What flows where: topics, streams, tables, queries and models as a picture, from left to right.
import { every, go, h, morph, problem, s } from "./dom.js";
import { arranged } from "./layers.js";
import { statements } from "./server.js";

const EVERY_MS = 3000;
const LETTER = 7.4; // how wide a letter is drawn at most
const LETTERS_MAX = 30;
const MARGIN = 12;
const SMALLEST = 0.7; // a picture wider than the page is drawn so much smaller at most, then it scrolls
const KINDS = { FILE: "file", TOPIC: "topic", STREAM: "stream", TABLE: "table", QUERY: "query", MODEL: "model" };
const PLAIN = ["holds", "is read by", "writes"]; // what an arrow means that has no words beside it

export async function show(place, _, signal) {
  const sheet = place.appendChild(h("div", {}, h("p", { class: "quiet" }, "Asking the server …")));
  let before = "";
  await every(EVERY_MS, signal, async () => {
    try {
      const [graph] = await statements("SHOW TOPOLOGY;", signal);
      const text = JSON.stringify([graph.nodes, graph.edges]);
      if (text !== before) morph(sheet, page(graph));
      before = text;
    } catch (error) {
      if (!signal.aborted) morph(sheet, h("div", {}, problem(error)));
      before = "";
    }
  });
}

function page({ nodes, edges, cycles }) {
  const key = Object.values(KINDS).map((kind) => h("li", {}, s("svg", { class: "topology", width: 44, height: 24 }, small(kind)), kind));
  const rows = edges.map((edge) =>
    h("tr", {}, [edge.from.kind.toLowerCase(), edge.from.name, words(edge), edge.to.kind.toLowerCase(), edge.to.name].map((cell) => h("td", {}, cell))),
  );
  const heads = ["From", "", "", "To", ""].map((name) => h("th", { scope: "col" }, name));
  return h(
    "div",
    {},
    h("h1", {}, "Topology"),
    cycles.length > 0 && h("p", { class: "problem", role: "alert" }, "Rows go round in a cycle, without end unless a condition stops them:\n", cycles.join("\n")),
    nodes.length ? h("div", { class: "box" }, picture(nodes, edges)) : h("p", { class: "quiet" }, "Nothing flows yet."),
    h("ul", { class: "bar legend" }, key),
    h("p", { class: "quiet" }, "As text: ", h("a", { href: "topology.dot" }, "Graphviz"), ", ", h("a", { href: "topology.mermaid" }, "Mermaid"), "; in SQL: SHOW TOPOLOGY."),
    h("details", {}, h("summary", {}, "The same as rows"), h("div", { class: "scroll" }, h("table", { "aria-label": "Topology" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)))),
  );
}

const words = (edge) => (edge.about ? `${edge.what} (${edge.about})` : edge.what);
const short = (text) => (text.length > LETTERS_MAX ? `${text.slice(0, LETTERS_MAX - 1)}…` : text);
const said = (edge) => (PLAIN.includes(edge.what) ? "" : short(edge.what === "asks" ? edge.about : edge.what));
const drawnAs = ({ kind, name }) => `${kind} ${name}`;

function picture(nodes, edges) {
  const sizes = nodes.map(({ kind, name, about }) => {
    const letters = Math.max(short(name).length, short(about).length * 0.85);
    return { width: Math.max(56, letters * LETTER + (kind === "TOPIC" ? 40 : 30)), height: about ? 46 : 34 };
  });
  const numbers = new Map(nodes.map((node, at) => [drawnAs(node), at]));
  const ends = edges.map((edge) => [numbers.get(drawnAs(edge.from)), numbers.get(drawnAs(edge.to)), said(edge).length * LETTER]);
  const { places, lines, width, height } = arranged(sizes, ends);
  const scale = Math.min(1, Math.max(SMALLEST, (document.getElementById("main").clientWidth - 90) / (width + 2 * MARGIN)));
  const view = [-MARGIN, -MARGIN, width + 2 * MARGIN, height + 2 * MARGIN];
  return s(
    "svg",
    { class: "topology", viewBox: view.join(" "), width: view[2] * scale, height: view[3] * scale, role: "img", "aria-label": `Topology: ${nodes.length} things` },
    s("defs", {}, arrow("arrow"), arrow("arrow-cycle")),
    edges.map((edge, at) => line(edge, lines[at], sizes[ends[at][0]], sizes[ends[at][1]])),
    nodes.map((node, at) => thing(node, places[at], sizes[at])),
  );
}

const arrow = (id) =>
  s("marker", { id, viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { d: "M0 0 8 4 0 8z" }));

function line(edge, points, from, to) {
  const back = points[0].x > points[points.length - 1].x ? -1 : 1;
  const [first, last] = [{ ...points[0] }, { ...points[points.length - 1] }];
  first.x += (back * from.width) / 2;
  last.x -= (back * to.width) / 2;
  const way = [first, ...points.slice(1, -1), last];
  const d = way.slice(1).reduce((path, point, i) => {
    const half = (way[i].x + point.x) / 2;
    return `${path} C${half} ${way[i].y} ${half} ${point.y} ${point.x} ${point.y}`;
  }, `M${first.x} ${first.y}`);
  const middle = { x: (first.x + way[1].x) / 2, y: (first.y + way[1].y) / 2 - 4 };
  const marker = edge.inCycle ? "url(#arrow-cycle)" : "url(#arrow)";
  return s(
    "g",
    { class: edge.inCycle ? "edge cycle" : "edge" },
    s("title", {}, `${edge.from.name} ${words(edge)} ${edge.to.name}`),
    s("path", { d, "marker-end": marker }),
    said(edge) && s("text", { x: middle.x, y: middle.y, class: "said" }, said(edge)),
  );
}

function thing({ kind, name, about }, { x, y }, { width, height }) {
  const to = { STREAM: go("live", name), TABLE: go("live", name), QUERY: go("query", name), MODEL: go("models") }[kind];
  const drawn = [
    s("title", {}, [`${KINDS[kind]} ${name}`, about].filter(Boolean).join(", ")),
    outline(KINDS[kind], x, y, width, height),
    s("text", { x, y: about ? y - 3 : y + 5 }, short(name)),
    about && s("text", { x, y: y + 14, class: "about" }, short(about)),
  ];
  const told = `thing ${KINDS[kind]}${kind === "QUERY" && about ? ` ${about}` : ""}`;
  return to && name !== "" ? s("a", { href: to, class: told }, drawn) : s("g", { class: told }, drawn);
}

const small = (kind) => s("g", { class: `thing ${kind}` }, outline(kind, 22, 12, 40, 20));

function outline(kind, x, y, width, height) {
  const [left, right, top, bottom] = [x - width / 2, x + width / 2, y - height / 2, y + height / 2];
  const path = (d) => s("path", { d });
  switch (kind) {
    case "topic":
      return path(`M${left + 6} ${top}H${right - 6}a6 ${height / 2} 0 0 1 0 ${height}H${left + 6}a6 ${height / 2} 0 0 1 0-${height}a6 ${height / 2} 0 0 1 0 ${height}`);
    case "file":
      return path(`M${left} ${top}H${right - 8}l8 8V${bottom}H${left}zM${right - 8} ${top}v8h8`);
    case "table":
      return path(`M${left} ${top}H${right}V${bottom}H${left}zM${left} ${top + 5}H${right}M${left + 5} ${top}V${bottom}`);
    case "model":
      return path(`M${left + 10} ${top}H${right - 10}L${right} ${y} ${right - 10} ${bottom}H${left + 10}L${left} ${y}z`);
    default:
      return s("rect", { x: left, y: top, width, height, rx: kind === "query" ? height / 2 : 2 });
  }
}
