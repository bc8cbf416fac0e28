// Elements are made here only. What comes as text becomes a text node, so that no value is ever markup.

export const h = (tag, ...more) => filled(document.createElement(tag), ...more);
export const s = (tag, ...more) => filled(document.createElementNS("http://www.w3.org/2000/svg", tag), ...more);

function filled(made, properties = {}, ...children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return made;
}

// Makes `old` what `made` is and leaves alone what is equal: focus, selection and open details stay as they are.
export function morph(old, made) {
  if (old.nodeType !== made.nodeType || old.nodeName !== made.nodeName) return old.replaceWith(made);
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== made.data) old.data = made.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (name !== "open" && !made.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of made.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const [before, after] = [[...old.childNodes], [...made.childNodes]];
  after.forEach((child, i) => (before[i] ? morph(before[i], child) : old.append(child)));
  before.slice(after.length).forEach((child) => child.remove());
}

// Asks `step` at once and again `ms` after it has ended, while the page is looked at, until `signal`.
export async function every(ms, signal, step) {
  while (!signal.aborted) {
    if (!document.hidden) await step();
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

export const problem = (error) => h("pre", { class: "problem", role: "alert" }, error.message);
export const go = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
export const count = (number) => Number(number ?? 0).toLocaleString("en-US");
