// Which view is shown. The place is in the address (`#/events?status=failed`), so that it can be bookmarked and sent
// to a colleague, and going back finds the reader where they were.

import { isLeft } from "./api.js";
import { failure, fill, h } from "./dom.js";

let outlet = null;
let views = {};
let shown = null;
let aborter = new AbortController();
/** Where the reader was in the places that the history knows: scroll position and the link that had the focus. */
const places = new Map();
let steps = 0;

/** The address of a place; empty values of the query are left out. */
export function href(path, query = {}) {
  const entries = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  const given = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** The place in the address: `path` and `query`. */
export function here() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query ?? "") };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function go(path, query) {
  location.hash = href(path, query);
}

/** Goes up: to the list that an event was opened from, else to the first of its kind. */
export function up() {
  const { path } = here();
  if (path.length < 2) return;
  if (steps > 1) history.back();
  else go([path[0]]);
}

/**
 * Shows places in `element`. A view is `show(element, route, signal)`, which may be async and may return a function that
 * takes a route of the same view with another query; the signal is aborted when the reader leaves.
 */
export function start(element, ways) {
  outlet = element;
  views = ways;
  history.scrollRestoration = "manual";
  window.addEventListener("hashchange", enter);
  return enter();
}

/** Shows the place anew. */
export function reload() {
  shown = null;
  return enter();
}

async function enter() {
  remember();
  const known = history.state?.step;
  if (known === undefined) history.replaceState({ step: ++steps }, "");
  const route = here();
  if (route.path.length === 0) return location.replace("#/events");
  const name = route.path.join("/");
  if (shown?.name === name && shown.update) {
    shown.step = history.state.step;
    return void (await shown.update(route));
  }
  await show(name, route);
  if (shown?.name === name) settle(places.get(known));
}

/** Notes where the reader is before the place is left. */
function remember() {
  if (!shown) return;
  places.set(shown.step, { scroll: shown.scroll ?? 0, focus: shown.focus });
}

async function show(name, route) {
  leave();
  const view = views[route.path[0]];
  const signal = aborter.signal;
  shown = { name, step: history.state.step };
  fill(outlet);
  watch(signal);
  try {
    if (!view) throw new Error(`There is no page ${name}.`);
    const update = await view(outlet, route, signal);
    if (!signal.aborted) shown.update = update;
  } catch (problem) {
    if (signal.aborted || isLeft(problem)) return;
    fill(outlet, h("h1", { tabindex: "-1" }, "This cannot be shown"), failure(problem));
  }
}

/** Ends the view that is shown. */
export function leave() {
  aborter.abort();
  aborter = new AbortController();
  shown = null;
}

/** The browser forgets both before it tells that the place has changed. */
function watch(signal) {
  const place = shown;
  window.addEventListener("scroll", () => (place.scroll = window.scrollY), { signal, passive: true });
  outlet.addEventListener("focusin", (event) => (place.focus = event.target.getAttribute("href")), { signal });
}

/** Puts scroll position and focus where they were, or at the beginning of a new place. */
function settle(place) {
  const last = place?.focus && outlet.querySelector(`a[href="${CSS.escape(place.focus)}"]`);
  (last || outlet.querySelector("h1"))?.focus({ preventScroll: true });
  window.scrollTo(0, place?.scroll ?? 0);
  document.title = `${outlet.querySelector("h1")?.textContent ?? ""} · eventmanager`;
}
