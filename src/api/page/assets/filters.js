// The filters of the events: kept in the address, shown as a form, told in words.

import { get, query } from "./api.js";
import { button, fill, h, link } from "./dom.js";
import * as format from "./format.js";
import * as overview from "./overview.js";
import { go, href } from "./router.js";

const NAMES = ["status", "command", "user", "since", "until", "text", "fault"];
const SPANS = [["", "any time"], ["15m", "last 15 minutes"], ["1h", "last hour"], ["24h", "last 24 hours"], ["7d", "last 7 days"]];

/** The filter in a query of the address. */
export function read(query) {
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""]).filter(([, value]) => value));
}

/** Whether a summary passes: true, false, or null where only the daemon can tell. */
export function passes(filter, summary) {
  const since = moment(filter.since);
  const until = moment(filter.until);
  if (filter.status && !filter.status.split(",").includes(summary.status)) return false;
  if (filter.command && bare(filter.command) !== bare(summary.command)) return false;
  if (filter.user && filter.user !== summary.user) return false;
  if (since !== null && summary.received < since) return false;
  if (until !== null && summary.received > until) return false;
  return filter.text || filter.fault ? null : true;
}

/** A command without the suffix of its version. */
function bare(command) {
  return command.replace(/(?<=Request)\d+(sp\d+)?(V\d+)?$/i, "");
}

/** Seconds of the epoch of a time of the query; null where there is none. */
function moment(text) {
  if (!text) return null;
  const span = /^(\d+)([smhd])$/.exec(text);
  if (span) return Date.now() / 1000 - Number(span[1]) * { s: 1, m: 60, h: 3600, d: 86400 }[span[2]];
  return Number.isNaN(Number(text)) ? Date.parse(text) / 1000 : Number(text);
}

/** The filter as a sentence, for those who are about to act on it. */
export function words(filter) {
  const time = (text) => (SPANS.find(([span]) => span && span === text)?.[1] ?? whole(text));
  const parts = [
    filter.status && `status ${filter.status.split(",").join(" or ")}`,
    filter.command && `command ${filter.command}`,
    filter.user && `user ${filter.user}`,
    filter.since && `since ${time(filter.since)}`,
    filter.until && `until ${time(filter.until)}`,
    filter.text && `text “${filter.text}”`,
    filter.fault && `fault “${filter.fault}”`,
  ].filter(Boolean);
  return parts.length ? parts.join(", ") : "all events";
}

/** What `words` makes of a filter; a fault is told by what went wrong as soon as that is known, where its key says nothing. */
export function told(filter, words, signal) {
  const element = h("span", {}, words(filter));
  if (filter.fault) {
    const name = ({ faults }) => {
      const known = faults.find(({ fault }) => fault === filter.fault);
      if (known) fill(element, words({ ...filter, fault: known.reason }));
    };
    get(`/api/v1/faults${query({ since: filter.since })}`, signal).then(name, () => {});
  }
  return element;
}

function whole(text) {
  const seconds = moment(text);
  return /^\d+[smhd]$/.test(text) || Number.isNaN(seconds) ? text : format.fullTime(seconds);
}

/** Links that choose a status, each with how many there are; they follow the stream. */
export function statuses(filter, signal) {
  const all = ["", ...format.STATUSES];
  const counts = new Map(all.map((word) => [word, h("span", { class: "count" })]));
  const one = (word) => {
    const current = (filter.status ?? "") === word;
    const text = word === "" ? "all" : format.status(word);
    const to = href(["events"], { ...filter, status: word });
    return link(to, [text, " ", counts.get(word)], { class: "choice", "aria-current": current && "true", "data-status": word || "all" });
  };
  overview.on(({ events }) => {
    if (!events) return;
    for (const word of format.STATUSES) counts.get(word).textContent = format.number(total(events, word));
  }, signal);
  return h("nav", { class: "choices", "aria-label": "Status" }, all.map(one));
}

/** Those of the Erlang release are pending in the list as well. */
function total(events, word) {
  return word === "pending" ? events.pending + (events.left_pending ?? 0) : events[word];
}

/** The form; it takes effect with Enter, with its button, or as soon as a choice is made. */
export function form(filter, signal) {
  const text = h("input", { id: "f-text", name: "text", type: "search", value: filter.text, "data-key": "/", placeholder: "in user, command, reason, document" });
  const command = h("input", { id: "f-command", name: "command", value: filter.command, list: "commands", autocomplete: "off" });
  const user = h("input", { id: "f-user", name: "user", value: filter.user, autocomplete: "off" });
  const since = times("since", filter.since, SPANS);
  const until = times("until", filter.until, [["", "now"]]);
  const apply = (event) => {
    event?.preventDefault();
    const given = Object.fromEntries(new FormData(element));
    go(["events"], { ...filter, ...given, since: since.value(), until: until.value() });
  };
  const element = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter the events", onsubmit: apply, onchange: (event) => event.target.matches("select") && apply() },
    field("Text", text, "wide"), field("Command", command), field("User", user),
    field("Since", since.input), field("Until", until.input),
    h("div", { class: "buttons" }, h("button", { type: "submit" }, "Filter"), link(href(["events"]), "Clear", { class: "button quiet" })),
    offered(command, signal),
  );
  return [element, filter.fault && chip(filter, signal)];
}

function field(title, input, kind) {
  return h("p", { class: `field ${kind ?? ""}` }, h("label", { for: input.id }, title), input);
}

/** A choice of spans, or a moment that is typed where one is in the address. */
function times(name, value, spans) {
  const id = `f-${name}`;
  const known = spans.some(([span]) => span === (value ?? ""));
  const exact = value && !known ? [[value, whole(value)]] : [];
  const option = ([span, text]) => h("option", { value: span, selected: span === (value ?? "") }, text);
  const input = h("select", { id }, [...spans, ...exact].map(option), h("option", { value: "exact" }, "a moment …"));
  const holder = { input, value: () => (holder.input.value === "exact" ? "" : typed(holder.input)) };
  const typed = (field) => (field.type === "datetime-local" && field.value ? String(Date.parse(field.value) / 1000) : field.value);
  input.addEventListener("change", (event) => {
    if (input.value !== "exact") return;
    event.stopPropagation();
    holder.input = h("input", { id, type: "datetime-local", step: "1" });
    input.replaceWith(holder.input);
    holder.input.focus();
  });
  return holder;
}

function chip(filter, signal) {
  const without = { ...filter, fault: "" };
  const remove = button("Remove", () => go(["events"], without), { class: "quiet", "aria-label": "Remove the filter by fault" });
  return h("p", { class: "chip" }, told(filter, ({ fault }) => `Fault: ${fault}`, signal), remove);
}

/** What the daemon knows as commands, offered while one is typed; asked for when the field is entered. */
function offered(input, signal) {
  const list = h("datalist", { id: "commands" });
  const load = async () => {
    const { commands } = await get("/api/v1/commands", signal).catch(() => ({ commands: [] }));
    list.replaceChildren(...commands.map(({ command }) => h("option", { value: command })));
  };
  input.addEventListener("focus", load, { once: true });
  return list;
}
