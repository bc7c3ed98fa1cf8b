// One hub: how far it has got, what went wrong, and what has it go on.

import { get, path, post, remove } from "./api.js";
import { act } from "./acts.js";
import { notice, noticeOf } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { facts, fill, fillFrom, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { state, why } from "./hubs.js";
import { Live } from "./live.js";
import { go, href } from "./router.js";

/** Between two looks at what no stream tells, in milliseconds. */
const PACE = 5_000;
const ATTEMPTS = [["When"], ["Event"], ["Attempt", "number"], ["Outcome"], ["Status", "number"], ["Took", "number"], ["What was said"]];
const SKIPPED = [["When"], ["Event"], ["Name"], ["Source"], ["Received"], ["By"], ["Why"]];

export async function show(outlet, id, signal) {
  const parts = Object.fromEntries(["facts", "acts", "said", "attempts", "skipped"].map((name) => [name, h("div", {})]));
  const live = new Live(signal, {
    ask: () => get(path`/api/v1/hubs/${id}`, signal),
    put: (hub) => put(parts, hub, () => live.reload()),
    said: parts.said,
  });
  const crumbs = h("p", { class: "crumbs" }, link(href(["hubs"]), "Hubs"));
  fill(outlet, crumbs, h("h1", { tabindex: "-1" }, "Hub"), parts.said, parts.facts, parts.acts, parts.attempts, parts.skipped);
  await live.open();
  const timer = setInterval(() => document.hidden || live.reload(), PACE);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function put(parts, hub, changed) {
  const { attempts, dead_letters: skipped, ...rest } = hub;
  fillFrom(parts.facts, rest, card);
  parts.told?.(hub.state);
  const told = (heard) => {
    parts.told = heard;
    changed();
  };
  fillFrom(parts.acts, { id: hub.id, state: hub.state, failing: hub.failing?.event }, () => acts(hub, changed, told));
  fillFrom(parts.attempts, attempts, () => section("Attempts that have failed", attempts, ATTEMPTS, attempt));
  fillFrom(parts.skipped, skipped, () => section("Events that were skipped", skipped, SKIPPED, letter));
}

function card(hub) {
  return h("section", { class: "card" }, h("h2", {}, hub.topic), facts([
    ["Callback", h("code", {}, hub.callback)], ["State", state(hub)], ["Why", why(hub), "wide"], ["Query", hub.query && h("code", {}, hub.query)],
    ["Owner", hub.owner], ["Registered", format.time(hub.created)], ["Sequence", format.number(hub.sequence)],
    ["Backlog", format.number(hub.backlog)], ["Id", h("code", {}, hub.id)],
  ]));
}

function section(title, lines, head, line) {
  if (lines.length === 0) return null;
  return h("section", { class: "card" }, h("h2", {}, title), table(`${title}, the latest first`, head, lines.map(line)));
}

function attempt({ at, event, attempt, outcome, status, millis, detail }) {
  return row({}, [
    [format.time(at), "time"],
    [h("code", {}, event), "name"],
    [format.number(attempt), "number", "attempt"],
    [outcome, "type"],
    [status === null ? "–" : String(status), "number", "status"],
    [`${format.number(millis)} ms`, "number", "took"],
    [detail, "reason"],
  ]);
}

function letter({ at, event, name, source, received, actor, reason }) {
  return row({}, [
    [format.time(at), "time"],
    [h("code", {}, event), "name"],
    [name, "type"],
    [source, "user", "source"],
    [format.time(received), "time", "received"],
    [actor, "user", "by"],
    [reason, "reason"],
  ]);
}

function acts({ id, state, failing }, changed, told) {
  const done = (text) => () => {
    notice(text);
    changed();
  };
  const now = (state, text) => () => told(noticeOf(text, state));
  const isHalted = state === "halted";
  const resume = () => dialogs.ask({
    heading: "Resume the hub",
    text: h("p", {}, "Delivery goes on with the event for which the hub stands."),
    reason: "optional",
    yes: "Resume",
    act: (reason) => post(path`/api/v1/hubs/${id}/resume`, { reason }),
    done: now("active", "The hub goes on."),
  });
  const halt = () => dialogs.ask({
    heading: "Halt the hub",
    text: h("p", {}, "Nothing more is delivered, and what waits stays in the log, until somebody resumes the hub or has it skip the event for which it stands. The reason stands in the alarm, too."),
    reason: "optional",
    yes: "Halt",
    mood: "danger",
    act: (reason) => post(path`/api/v1/hubs/${id}/halt`, { reason }),
    done: now("halted", "The hub is halted."),
  });
  const skip = () => dialogs.ask({
    heading: "Skip an event",
    text: h("p", {}, "The event for which the hub stands is passed over and kept as skipped; delivery goes on behind it.", failing && [" It is ", h("code", {}, failing), "."]),
    reason: "required",
    yes: "Skip it",
    mood: "danger",
    act: (reason) => post(path`/api/v1/hubs/${id}/skip`, { reason }),
    done: (answer) => now("active", answer.skipped ? "The event was skipped, and the hub goes on." : "Nothing waited, so that nothing was skipped; the hub goes on.")(),
  });
  const not = isHalted ? null : "It is not halted: what fails is tried again by itself. Halt it first, to have it skip an event.";
  return h("div", { class: "buttons" }, ...[
    act("Halt …", "halt", isHalted ? "It is halted already." : null, halt),
    act("Resume …", "resume", not, resume),
    act("Skip an event …", "skip-event", not, skip),
    act("Send again …", "replay", null, () => askReplay(id, done)),
    act("Remove …", "remove", null, () => askRemove(id)),
  ]);
}

function askRemove(id) {
  dialogs.ask({
    heading: "Remove the hub",
    text: h("p", {}, "Its subscription ends, with what waits for it. Whoever wants the events again has to register anew."),
    yes: "Remove",
    mood: "danger",
    act: () => remove(path`/api/v1/hubs/${id}`),
    done: () => {
      go(["hubs"]);
      notice("The hub is removed.");
    },
  });
}

function askReplay(id, done) {
  const since = h("input", { id: "replay-since", name: "since", required: true, value: "1h", autocomplete: "off" });
  const until = h("input", { id: "replay-until", name: "until", autocomplete: "off" });
  const field = (title, input) => h("p", { class: "field" }, h("label", { for: input.id }, title), input);
  dialogs.ask({
    heading: "Send events again",
    text: [
      h("p", {}, "What was received in this time goes to the hub once more, before anything new. Each event has the id that it had, by which the receiver can tell."),
      field("Since (15m, 2h, 7d, or a time such as 2026-03-01T12:00:00Z)", since),
      field("Until (now, where it is empty)", until),
    ],
    yes: "Send",
    act: () => post(path`/api/v1/hubs/${id}/replay`, { since: since.value.trim(), ...(until.value.trim() && { until: until.value.trim() }) }),
    done: (answer) => done(`Up to ${format.plural(answer.events, "event")} are sent again${answer.halted ? ", but not before the hub is resumed" : ""}.`)(),
  });
}
