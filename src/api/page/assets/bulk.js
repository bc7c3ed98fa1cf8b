// One act on many events: the set is frozen and looked at before anything is done.

import { get, isLeft, path, post } from "./api.js";
import { act } from "./acts.js";
import { announce } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { failure, facts, fill, fillFrom, h, link, row, table } from "./dom.js";
import * as filters from "./filters.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { href } from "./router.js";
import * as rows from "./rows.js";

/** Between two looks at a set, in milliseconds: one that waits may be run by somebody else. */
const PACES = { gathering: 500, running: 500, prepared: 5_000 };

export async function show(outlet, route, signal) {
  if (route.path[1]) return watch(outlet, route.path[1], signal);
  prepare(outlet, route, signal);
  return (route) => prepare(outlet, route, signal);
}

/** Chooses what is to be done to which events. */
function prepare(outlet, route, signal) {
  const filter = filters.read(route.query);
  const wanted = route.query.get("act") === "resolve" ? "resolve" : "retry";
  const said = h("div", {});
  const choice = (value, text, about) => {
    const id = `act-${value}`;
    const radio = h("input", { type: "radio", name: "act", id, value, checked: value === wanted });
    return h("p", { class: "check" }, radio, h("label", { for: id }, h("strong", {}, text), ` – ${about}`));
  };
  const submit = async (event) => {
    event.preventDefault();
    const { act, reason } = Object.fromEntries(new FormData(form));
    const force = form.elements.force.checked;
    try {
      const bulk = await post("/api/v1/bulk", { act, filter: asked(filter), reason: reason.trim() || undefined, force }, signal);
      location.replace(href(["bulk", bulk.bulk]));
    } catch (problem) {
      if (!isLeft(problem)) fill(said, failure(problem));
    }
  };
  const form = h(
    "form",
    { class: "card", onsubmit: submit },
    h("fieldset", {}, h("legend", {}, "What"),
      choice("retry", "Retry", "they run again, each by the rules of a single retry"),
      choice("resolve", "Resolve", "nothing is sent; they are ignored from now on")),
    h("p", { class: "field" }, h("label", { for: "reason" }, "Reason (for the audit; to resolve wants one)"), h("input", { id: "reason", name: "reason", maxlength: "500", autocomplete: "off" })),
    h("p", { class: "check" }, h("input", { type: "checkbox", id: "force", name: "force" }), h("label", { for: "force" }, "Retry also those of whose subscriber later events have completed or wait")),
    said,
    h("p", {}, "Nothing is done yet: the next page shows which events these are."),
    h("div", { class: "buttons" }, act("Prepare", "prepare", null, () => form.requestSubmit(), { class: "main" }), link(href(["events"], filter), "Back to the list", { class: "button quiet" })),
  );
  fill(outlet, h("h1", { tabindex: "-1" }, "Act on many events"), h("p", {}, "Events with ", h("strong", {}, filters.told(asked(filter), filters.words, signal)), "."), form);
}

/** The filter as the API takes it: statuses as a list in one word, as in the list's address. */
function asked(filter) {
  return { ...filter, status: filter.status || "failed" };
}

/** Shows a set while it is gathered, prepared, run, and what came of it. */
async function watch(outlet, id, signal) {
  const parts = { state: h("div", {}), said: h("div", {}), samples: h("div", {}) };
  const where = path`/api/v1/bulk/${id}`;
  let state = null;
  let timer = null;
  signal.addEventListener("abort", () => clearTimeout(timer));
  const put = (bulk) => {
    if (bulk.state !== state) announce(`Bulk ${bulk.act}: ${bulk.state}`);
    state = bulk.state;
    fillFrom(parts.samples, [state, bulk.samples], () => samples(bulk));
    fillFrom(parts.state, bulk, () => summary(bulk, where, () => live.reload()));
    clearTimeout(timer);
    if (PACES[state]) timer = setTimeout(() => live.reload(), PACES[state]);
  };
  const live = new Live(signal, { ask: () => get(where, signal), put, said: parts.said });
  fill(outlet, h("h1", { tabindex: "-1" }, "Act on many events"), parts.said, parts.state, parts.samples);
  await live.open();
}

function summary(bulk, where, look) {
  const { act: name, state, count, done, refused } = bulk;
  const progress = h("progress", { max: Math.max(count, 1), "aria-label": "done" });
  progress.value = (done ?? 0) + (refused ?? 0);
  const under = ["running", "done", "cancelled"].includes(state);
  return h(
    "section",
    { class: "card" },
    h("h2", {}, titles(bulk)),
    facts([
      ["Act", name], ["State", h("span", { id: "bulk-state" }, format.badge(state, mood(bulk)))], ["Events", format.number(count)],
      ["Done", under ? format.number(done) : null], ["Refused", under ? format.number(refused) : null],
      ["Waits", bulk.waits], ["Reason", bulk.reason], ["By", bulk.by], ["Kept until", state === "prepared" ? format.time(bulk.expires) : null],
    ]),
    bulk.truncated && h("p", { class: "problem" }, "There are more: the set holds the first 100 000. Do this, and then the rest."),
    under && h("p", {}, progress, ` ${format.number((done ?? 0) + (refused ?? 0))} of ${format.number(count)}`),
    state === "prepared" && count === 0 && h("p", {}, "No event matches: there is nothing to do."),
    controls(bulk, where, look),
    refusals(bulk),
  );
}

function titles({ act: name, state, count }) {
  const events = format.plural(count, "event");
  const verb = name === "retry" ? "Retry" : "Resolve";
  if (state === "gathering") return `Looking for the events: ${events} so far`;
  if (state === "prepared") return `${verb} ${events}?`;
  return `${verb} ${events}`;
}

function mood({ state }) {
  if (state === "done") return "good";
  return ["gathering", "running", "prepared"].includes(state) ? "busy" : "idle";
}

function controls({ state, count, act: name }, where, look) {
  const verb = name === "retry" ? "Retry" : "Resolve";
  const run = () => dialogs.ask({
    heading: `${verb} ${format.plural(count, "event")}?`,
    text: h("p", {}, name === "retry" ? "Their requests go out as soon as their turn comes." : "They are ignored from now on."),
    yes: `${verb} ${format.number(count)}`,
    mood: "danger",
    act: () => post(`${where}/run`, {}),
    done: look,
  });
  const cancel = () => post(`${where}/cancel`, {}).then(look, look);
  return h(
    "div",
    { class: "buttons" },
    state === "prepared" && count > 0 && act(`${verb} ${format.number(count)} …`, "run", null, run, { class: "main" }),
    ["gathering", "prepared", "running"].includes(state) && act("Cancel", "cancel", null, cancel),
    link(href(["events"]), "To the events", { class: "button quiet" }),
  );
}

function refusals({ refusals, refused }) {
  if (!refusals?.length) return null;
  const more = refused > refusals.length ? ` The first ${refusals.length} of them:` : "";
  const line = ({ id, reason }) => row({}, [[link(href(["events", id]), `#${id}`), "number"], [reason, "reason"]]);
  return [
    h("h3", {}, "Refused"),
    h("p", {}, `${format.plural(refused, "event")} stayed as they were.${more}`),
    table("Refused events and why", [["Event", "number"], ["Why"]], refusals.map(line)),
  ];
}

function samples({ samples, count }) {
  if (!samples?.length) return null;
  const title = samples.length < count ? `Samples: ${samples.length} of ${format.number(count)}` : "The events";
  return h("section", { class: "card" }, h("h2", {}, title), rows.events("Samples of the set", samples));
}
