// The supervision tree: every actor with its state, how often it was restarted, and how it last ended.

import { fillFrom, h } from "./dom.js";
import * as format from "./format.js";

const MOODS = { running: "good", starting: "busy", stopping: "busy", backoff: "bad", unresponsive: "bad", stopped: "idle" };

/** Puts the tree into an element; what the reader has opened stays open. */
export function tree(outlet, root) {
  fillFrom(outlet, root, () => build(outlet, root));
}

function build(outlet, root) {
  const open = new Set([...outlet.querySelectorAll("details")].filter((part) => part.open).map((part) => part.dataset.path));
  const first = !outlet.hasChildNodes();
  const focused = outlet.contains(document.activeElement) ? document.activeElement.closest("details")?.dataset.path : null;
  const list = h("ul", { class: "tree" }, node(root, root.name, (path, depth) => (first ? depth < 2 : open.has(path)), 0));
  const again = () => list.querySelector(`details[data-path="${CSS.escape(focused)}"] > summary`)?.focus({ preventScroll: true });
  if (focused) queueMicrotask(again);
  return h("section", { class: "card" }, h("h2", {}, "Actors"), list);
}

function node(actor, path, isOpen, depth) {
  const children = actor.children ?? [];
  if (children.length === 0) return h("li", {}, h("span", { class: "leaf" }, line(actor)));
  const inner = children.map((child) => node(child, `${path}/${child.name}`, isOpen, depth + 1));
  // What is not well below is shown, whoever has closed it.
  const open = isOpen(path, depth) || children.some(isIll);
  return h("li", {}, h("details", { "data-path": path, open }, h("summary", {}, line(actor)), h("ul", {}, inner)));
}

function isIll(actor) {
  return MOODS[actor.state] === "bad" || (actor.children ?? []).some(isIll);
}

function line({ name, state, restarts, last_exit, children }) {
  const count = children?.length ? h("span", { class: "muted" }, ` ${children.length}`) : null;
  return [
    h("span", { class: "actor" }, name), count, " ", format.badge(state, MOODS[state] ?? "idle"),
    restarts > 0 && h("span", { class: "tag warned" }, format.plural(restarts, "restart")),
    last_exit && h("span", { class: "muted" }, " last ended ", format.time(last_exit.at), `: ${last_exit.reason}`),
  ];
}
