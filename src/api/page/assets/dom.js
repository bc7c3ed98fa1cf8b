// Builds the page: what comes from the daemon becomes text, never markup.

/**
 * An element. Properties are attributes; `on…` are listeners; true is an empty attribute; false, null and undefined are
 * left out. Children are nodes, texts, or lists of them; null and false are left out.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
  element.append(...present(children));
  return element;
}

function set(element, name, value) {
  if (value === false || value === null || value === undefined) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "value") element.value = value;
  else element.setAttribute(name, value === true ? "" : value);
}

function present(children) {
  const shown = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
  return shown.map((child) => (typeof child === "string" ? isolated(child) : child));
}

/** Letters that are written from right to left. */
const LEFTWARDS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802\ud803\ud83a\ud83b]/;
/** Marks that turn the direction of writing, and show nothing of themselves. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text that moves nothing of what stands beside it: marks that would are shown, such as `\u202e`. */
function isolated(text) {
  const calm = text.replace(TURNS, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`);
  if (!LEFTWARDS.test(calm)) return calm;
  const element = document.createElement("bdi");
  element.append(calm);
  return element;
}

/** Puts children in the place of those that an element has. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
  return element;
}

/** What elements were filled from. */
const sources = new WeakMap();

/**
 * Fills an element with `build(value)` where the value has changed: else focus and marked text stay. The focus goes to what
 * has the id, or leads to the place, of what had it.
 */
export function fillFrom(element, value, build) {
  const text = JSON.stringify(value ?? null);
  if (sources.get(element) === text) return;
  sources.set(element, text);
  const focused = element.contains(document.activeElement) ? name(document.activeElement) : null;
  fill(element, build(value));
  if (focused) element.querySelector(focused)?.focus({ preventScroll: true });
}

/** A selector of an element among what is built anew; null where it has no name. */
function name(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const href = element.getAttribute("href");
  return href && `a[href="${CSS.escape(href)}"]`;
}

/** A description list of [name, value, class] lists; those without a value are left out, `wide` ones have a line of their own. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl", { class: "facts" }, shown.map(([name, value, kind]) => h("div", { class: kind }, h("dt", {}, name), h("dd", {}, value))));
}

/**
 * A table. The roles say again what the elements are, because browsers forget it where a narrow screen shows the rows as
 * cards. `head` are [title, class] pairs; `rows` are made with `row`.
 */
export function table(caption, head, rows) {
  const heading = ([title, kind]) => h("th", { scope: "col", role: "columnheader", class: kind }, title);
  const body = h("tbody", { role: "rowgroup" }, rows);
  return h(
    "table",
    { role: "table" },
    h("caption", { class: "quiet-text" }, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head.map(heading))),
    body,
  );
}

/** A row of a table. `cells` are [content, class, label] lists; the label stands before the content on narrow screens. */
export function row(properties, cells) {
  return h("tr", { role: "row", ...properties }, cells.map(cell));
}

/** A word that no column is wide enough for; it is broken anywhere. */
const LONG = /\S{41}/;

function cell([content, kind, label]) {
  const isLong = typeof content === "string" && LONG.test(content);
  return h("td", { role: "cell", class: isLong ? `${kind ?? ""} long` : kind, "data-label": label }, content);
}

/** A button that is not one of a form. */
export function button(text, onclick, properties) {
  return h("button", { type: "button", onclick, ...properties }, text);
}

/** A link to a place of the page. */
export function link(href, text, properties) {
  return h("a", { href, ...properties }, text);
}

/** Something that went wrong, said where it happened. */
export function failure(problem) {
  return h("p", { class: "problem", role: "alert" }, problem.message);
}

/** Shows in the place of a view that there is nothing to see, since that part is not configured. */
export function absent(outlet, title, problem) {
  fill(outlet, h("h1", { tabindex: "-1" }, title), h("p", { class: "note" }, problem.message));
}

/** Calls at most once in `milliseconds`, and again at the end if there were further calls; stops with the signal. */
export function paced(milliseconds, signal, call) {
  let timer = null;
  let again = false;
  const run = () => {
    timer = setTimeout(() => {
      timer = null;
      if (again) run();
    }, milliseconds);
    again = false;
    call();
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  return () => {
    if (signal.aborted) return;
    if (timer === null) run();
    else again = true;
  };
}
