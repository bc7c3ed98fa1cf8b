// Events as rows of a table: in the list, in samples, and on a subscriber's page.

import { h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { href } from "./router.js";

const HEAD = [
  ["Status"], ["Event", "number"], ["Received"], ["Command"], ["About"], ["User"], ["What became of it"],
];

/** The cell that holds the link. */
const LINK = 1;

/** A table of these events. */
export function events(caption, summaries) {
  const element = table(caption, HEAD, summaries.map(eventRow));
  element.classList.add("events");
  return element;
}

/** A row with its event's number in `data-row`; a click anywhere on it opens the event. */
export function eventRow(summary) {
  const element = row({ "data-row": summary.id, class: `event ${summary.status}` }, cells(summary));
  element.addEventListener("click", (event) => open(event, summary.id));
  return element;
}

function cells(summary) {
  return [
    [format.status(summary.status), "state"],
    [link(href(["events", summary.id]), `#${summary.id}`), "number"],
    [format.time(summary.received), "time"],
    [format.name(summary.command) || "(unreadable)", "command"],
    [about(summary), "about", "about"],
    [format.name(summary.user), "user", "by"],
    [outcome(summary), "outcome"],
  ];
}

/** The first subscriber, and how many more. */
function about({ about, about_more }) {
  return about && [format.name(about), about_more > 0 && h("span", { class: "muted" }, ` and ${format.number(about_more)} more`)];
}

function outcome(summary) {
  const warnings = summary.warnings ?? [];
  return [
    summary.attempt > 1 && h("span", { class: "tag" }, `attempt ${summary.attempt}`),
    summary.reason,
    warnings.length > 0 && h("span", { class: "warned", title: warnings.join("\n") },
      h("span", { "aria-hidden": "true" }, "⚠ "), warnings.length === 1 ? warnings[0] : `${warnings.length} warnings`),
  ];
}

/** Shows what has become of the event, in its place; the link stays, because it may have the focus. */
export function update(element, summary) {
  element.className = `event ${summary.status}`;
  const fresh = [...row({}, cells(summary)).cells];
  fresh.forEach((cell, index) => index !== LINK && element.cells[index].replaceWith(cell));
}

/** Not where the reader marks text, nor where a link does it already. */
function open(event, id) {
  if (event.target.closest("a") || event.button !== 0 || String(getSelection())) return;
  location.hash = href(["events", id]);
}
