// The keyboard: everything that is done often needs no mouse.

import * as dialogs from "./dialogs.js";
import { button, h } from "./dom.js";
import * as router from "./router.js";

/** Pages by their keys, as [name, title]. */
let pages = [];

const KEYS = [
  ["/", "go to the filter of the page"],
  ["j or ↓", "next row of the list"],
  ["k or ↑", "row before"],
  ["Enter", "open the row"],
  ["Escape", "leave a field, close a dialog, go back to the list"],
  ["n", "show new events that wait at the top of the list"],
  ["?", "these keys"],
];

/** Each of these pages, [name, title], has the key of its place. */
export function start(inOrder) {
  pages = inOrder;
  document.addEventListener("keydown", press);
  document.getElementById("help").addEventListener("click", help);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  // A dialog closes by itself, and everything else waits until it is closed.
  if (document.querySelector("dialog[open]")) return;
  if (isField(event.target)) return void (event.key === "Escape" && event.target.blur());
  const act = ACTS[event.key] ?? page(event.key);
  if (act && act(event) !== false) event.preventDefault();
}

const ACTS = {
  "/": () => focus("[data-key='/']"),
  j: () => move(1),
  k: () => move(-1),
  // The arrows scroll the page as ever, until a row has the focus.
  ArrowDown: () => row() !== null && move(1),
  ArrowUp: () => row() !== null && move(-1),
  Escape: () => router.up(),
  n: () => document.querySelector("[data-key='n']")?.click() ?? false,
  "?": help,
};

function isField(element) {
  const kind = element.closest("input, textarea, select");
  return kind !== null && !["checkbox", "radio", "button", "submit"].includes(kind.type);
}

function page(key) {
  const [name] = pages[Number(key) - 1] ?? [];
  return name && (() => router.go([name]));
}

function focus(selector) {
  const element = document.querySelector(selector);
  element?.focus();
  element?.select?.();
  return element !== null;
}

/** The row that has the focus. */
function row() {
  return document.activeElement?.closest("[data-row]") ?? null;
}

function move(by) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  const at = rows.indexOf(row());
  const next = at < 0 ? rows[0] : rows[at + by];
  next?.querySelector("a")?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function help() {
  const line = ([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what));
  const numbers = [`1 … ${pages.length}`, pages.map(([, title]) => title.toLowerCase()).join(", ")];
  const close = button("Close", () => dialog.close(), { class: "main" });
  const dialog = dialogs.open("Keys", h("dl", { class: "keys" }, [...KEYS, numbers].map(line)), h("div", { class: "buttons" }, close));
}
