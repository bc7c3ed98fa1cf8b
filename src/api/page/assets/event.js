// One event: what it is, what was sent for it and answered, and what can be done to it.

import { get, path } from "./api.js";
import * as acts from "./acts.js";
import { announce } from "./announce.js";
import { button, facts, fill, fillFrom, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { xml } from "./plan.js";
import { href } from "./router.js";

/** How a step stands, in the colours of events. */
const MOODS = { done: "good", sent: "busy", unknown: "busy", not_taken: "busy", planned: "idle" };

export async function show(outlet, route, signal) {
  const id = route.path[1];
  const parts = { head: h("div", {}, h("h1", { tabindex: "-1" }, `#${id}`)), plan: h("div", {}), steps: h("div", {}), document: h("div", {}) };
  const said = h("div", {});
  let status = null;
  const shown = (event) => {
    if (status !== null && status !== event.status) announce(`Event ${id} is ${event.status}`);
    status = event.status;
    put(event, parts, () => live.reload(), signal);
  };
  const live = new Live(signal, {
    ask: () => get(path`/api/v1/events/${id}`, signal),
    put: shown,
    take: { events: ({ events }) => events.some((event) => String(event.id) === id) },
    said,
    pace: 300,
  });
  fill(outlet, parts.head, said, parts.plan, parts.steps, parts.document);
  await live.open();
}

function put(event, parts, changed, signal) {
  fillFrom(parts.head, event, () => [heading(event), about(event), controls(event, parts, changed, signal)]);
  fillFrom(parts.steps, event, () => [warnings(event), members(event), steps(event), earlier(event)]);
  if (!parts.document.hasChildNodes()) fill(parts.document, source(event));
}

function heading(event) {
  return [
    h("p", { class: "crumbs" }, link(href(["events"]), "Events")),
    h("h1", { tabindex: "-1" }, `#${event.id} ${event.command || "(unreadable)"} `),
    h("p", { id: "status" }, format.status(event.status), event.attempt > 1 && h("span", { class: "tag" }, `attempt ${event.attempt}`)),
    event.reason && h("p", { class: `reason ${event.status}` }, event.reason),
  ];
}

function about(event) {
  // What is done to a whole group names it where others name a subscriber.
  const ofGroup = event.members?.length > 0 || event.command?.startsWith("GroupDelete");
  const place = ofGroup ? href(["subscribers"], { group: event.subscriber }) : href(["subscribers", event.subscriber]);
  const subscriber = event.subscriber && link(place, event.subscriber);
  const theirs = event.user && link(href(["events"], { user: event.user }), event.user);
  return facts([
    ["Received", format.time(event.received)],
    ["About", subscriber],
    ["Given by", theirs],
    ["Source", event.source],
    ["Notification", event.notification_id],
    ["Uuid", event.uuid && h("code", {}, event.uuid)],
  ]);
}

function controls(event, parts, changed, signal) {
  const look = button("What it would send now", () => acts.showPlan(event, parts.plan, signal), { id: "plan" });
  return h("div", { class: "buttons", role: "group", "aria-label": "Acts" }, acts.buttons(event, changed), look);
}

function warnings({ warnings }) {
  if (!warnings?.length) return null;
  const lines = warnings.map((line) => h("li", {}, line));
  return h("section", { class: "card" }, h("h2", {}, "Warnings"), h("ul", { class: "warnings" }, lines));
}

function members({ members }) {
  if (!members?.length) return null;
  const done = members.filter((member) => member.done === member.steps).length;
  const line = ({ user, steps, done, failed }) => {
    const state = failed ? format.badge("failed", "bad") : done === steps ? format.badge("done", "good") : format.badge("under way", "busy");
    const progress = h("progress", { max: steps, "aria-label": `steps of ${user}` });
    progress.value = done;
    return row({}, [
      [state, "state"], [link(href(["subscribers", user]), user), "user"], [[progress, ` ${done} of ${steps}`], "progress", "steps"],
    ]);
  };
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Members of the group"),
    h("p", {}, `${done} of ${members.length} done`),
    table("How far each member has come", [["State"], ["Member"], ["Steps"]], members.map(line)),
  );
}

const HEAD = [["Step", "number"], ["State"], ["System"], ["Request"], ["Answer"], ["At"]];

function steps(event) {
  const list = event.steps ?? [];
  const none = event.status === "pending" ? "Not planned yet." : "Nothing was sent for it.";
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Steps"),
    list.length === 0 ? h("p", { class: "muted" }, none) : table("What was sent, and what was answered", HEAD, list.map(step)),
  );
}

function step(step) {
  const mood = step.state === null ? "idle" : (MOODS[step.state] ?? "bad");
  return row({ class: "step" }, [
    [step.position === undefined ? null : `${step.position}`, "number", "step"],
    [format.badge(step.state ?? "not sent", mood), "state"],
    [h("span", { class: "tag" }, step.system), "system"],
    [[step.member && h("span", { class: "muted" }, `${step.member}: `), step.request], "request"],
    [step.answer, "answer", "answer"],
    [format.time(step.at), "time"],
  ]);
}

function earlier({ earlier }) {
  if (!earlier?.length) return null;
  const attempts = [...new Set(earlier.map((step) => step.attempt))].sort((a, b) => b - a);
  const one = (attempt) => {
    const theirs = earlier.filter((step) => step.attempt === attempt);
    return h("details", {}, h("summary", {}, `Attempt ${attempt}: ${format.plural(theirs.length, "step")}`),
      table(`Steps of attempt ${attempt}`, HEAD, theirs.map(step)));
  };
  return h("section", { class: "card" }, h("h2", {}, "Earlier attempts"), attempts.map(one));
}

function source(event) {
  if (!event.document) return null;
  return h("section", { class: "card" }, h("h2", {}, "Document"), h("p", { class: "muted" }, "As it came, laid out; secrets are ***."), xml(event.document, "Document"));
}
