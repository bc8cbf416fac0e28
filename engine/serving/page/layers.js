// Places for a graph's things: in layers from left to right, ordered so that few lines cross. Numbers only, no elements.

const ACROSS = 56;
const GAP = 18;

// `sizes` of things as {width, height}, `edges` as [from, to, room that words beside the line's beginning want] by number. Gives
// {places: [{x, y}] (middles), lines: [[{x, y}]], width, height}; a line goes through the gaps of the layers that it passes.
export function arranged(sizes, edges) {
  const forward = withoutCycles(sizes.length, edges);
  const layerOf = layersOf(sizes.length, forward);
  const things = sizes.map((size, at) => ({ ...size, layer: layerOf[at], left: [], right: [] }));
  const passed = forward.map(([from, to]) => {
    const chain = [things[from]];
    for (let layer = layerOf[from] + 1; layer < layerOf[to]; layer++) {
      const bend = { width: 0, height: 4, layer, left: [], right: [] }; // where the line goes through a layer
      things.push(bend);
      chain.push(bend);
    }
    chain.push(things[to]);
    chain.slice(1).forEach((next, i) => (chain[i].right.push(next), next.left.push(chain[i])));
    return chain;
  });
  const layers = ordered(things);
  const height = stacked(layers);
  const across = layers.map(() => ACROSS);
  forward.forEach(({ 0: from, turned }, i) => {
    const at = layerOf[from];
    if (!turned) across[at] = Math.max(across[at], edges[i][2] ?? 0);
  });
  let width = 0;
  layers.forEach((layer, number) => {
    const wide = Math.max(0, ...layer.map((thing) => thing.width));
    for (const thing of layer) thing.x = width + wide / 2;
    width += wide + across[number];
  });
  const lines = passed.map((chain, i) => {
    const points = chain.map(({ x, y }) => ({ x, y }));
    return forward[i].turned ? points.reverse() : points;
  });
  return { places: things.slice(0, sizes.length).map(({ x, y }) => ({ x, y })), lines, width: Math.max(0, width - (across.at(-1) ?? 0)), height };
}

// The same edges, those turned round (`turned`) that close a cycle.
function withoutCycles(count, edges) {
  const following = Array.from({ length: count }, () => []);
  edges.forEach(([from, to], i) => following[from].push([to, i]));
  const state = new Array(count).fill("new");
  const turned = new Set();
  for (let start = 0; start < count; start++) {
    const path = state[start] === "new" ? [[start, 0]] : [];
    while (path.length) {
      const [node, next] = path[path.length - 1];
      state[node] = "open";
      if (next === following[node].length) {
        state[node] = "done";
        path.pop();
        continue;
      }
      path[path.length - 1][1]++;
      const [to, edge] = following[node][next];
      if (state[to] === "open") turned.add(edge);
      else if (state[to] === "new") path.push([to, 0]);
    }
  }
  return edges.map(([from, to], i) => (turned.has(i) ? Object.assign([to, from], { turned: true }) : [from, to]));
}

// Each thing as far right as what it comes from wants it; then what comes from nothing moves up to what it goes to.
function layersOf(count, edges) {
  const layer = new Array(count).fill(0);
  const waits = new Array(count).fill(0);
  const following = Array.from({ length: count }, () => []);
  for (const [from, to] of edges) {
    following[from].push(to);
    waits[to]++;
  }
  const begins = waits.map((number) => number === 0);
  const ready = [...layer.keys()].filter((node) => begins[node]);
  const order = [];
  while (ready.length) {
    const node = ready.shift();
    order.push(node);
    for (const to of following[node]) {
      layer[to] = Math.max(layer[to], layer[node] + 1);
      if (--waits[to] === 0) ready.push(to);
    }
  }
  const before = Array.from({ length: count }, () => []);
  for (const [from, to] of edges) before[to].push(from);
  const movable = (node) => before[node].every((from) => following[from].length === 1 && movable(from));
  for (const node of order.reverse())
    if (following[node].length && movable(node)) layer[node] = Math.min(...following[node].map((to) => layer[to])) - 1;
  return layer;
}

// Things by layer, each near the middle of what it is joined to.
function ordered(things) {
  const layers = [];
  for (const thing of things) (layers[thing.layer] ??= []).push(thing);
  const number = () => layers.forEach((layer) => layer.forEach((thing, at) => (thing.at = at)));
  const middle = (near, at) => (near.length ? near.reduce((sum, thing) => sum + thing.at, 0) / near.length : at);
  number();
  for (let sweep = 0; sweep < 12; sweep++) {
    const side = sweep % 2 ? "right" : "left";
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      const wants = new Map(layer.map((thing) => [thing, middle(thing[side], thing.at)]));
      layer.sort((a, b) => wants.get(a) - wants.get(b) || a.at - b.at);
      layer.forEach((thing, at) => (thing.at = at));
    }
  }
  return layers;
}

// Heights: first one below the other, then each towards its neighbours as far as those above and below leave room.
function stacked(layers) {
  const room = (above, below) => (above.height + below.height) / 2 + GAP;
  const all = layers.flat();
  for (const layer of layers) layer.forEach((thing, i) => (thing.y = i ? layer[i - 1].y + room(layer[i - 1], thing) : 0));
  const sweeps = Math.max(16, Math.min(300, 30000 / all.length)); // a few things until their lines are straight
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const layer of sweep % 2 ? [...layers].reverse() : layers) {
      const wants = layer.map(({ left, right, y }) => {
        const near = [...left, ...right];
        return near.length ? near.reduce((sum, thing) => sum + thing.y, 0) / near.length : y;
      });
      const down = [...wants];
      const up = [...wants];
      for (let i = 1; i < layer.length; i++) down[i] = Math.max(down[i], down[i - 1] + room(layer[i - 1], layer[i]));
      for (let i = layer.length - 2; i >= 0; i--) up[i] = Math.min(up[i], up[i + 1] - room(layer[i], layer[i + 1]));
      layer.forEach((thing, i) => (thing.y = (down[i] + up[i]) / 2));
    }
  }
  const top = Math.min(...all.map((thing) => thing.y - thing.height / 2));
  for (const thing of all) thing.y -= top;
  return Math.max(0, ...all.map((thing) => thing.y + thing.height / 2));
}
