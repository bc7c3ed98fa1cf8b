// Failed events by what went wrong, so that one cause is seen and dealt with once.

import { get, query } from "./api.js";
import { fill, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { Live, turns } from "./live.js";
import * as overview from "./overview.js";
import { href } from "./router.js";

const SPANS = [["1h", "last hour"], ["24h", "last 24 hours"], ["7d", "last 7 days"], ["", "any time"]];
const HEAD = [["Events", "number"], ["What went wrong"], ["First and latest"], ["Commands"], ["Samples"], ["Act"]];

export async function show(outlet, route, signal) {
  const parts = { choices: h("nav", { class: "choices", "aria-label": "Time" }), said: h("div", {}), bar: h("div", {}), body: h("div", {}) };
  fill(outlet, h("h1", { tabindex: "-1" }, "Failures"), ...Object.values(parts));
  const turn = turns(signal);
  const update = async ({ query: given }) => {
    const since = given.get("since") ?? "";
    fill(parts.choices, SPANS.map(([span, text]) => choice(span, text, since)));
    await follow(parts, since, turn());
  };
  await update(route);
  return update;
}

/** Shows the failures of a span. Whoever is about to follow a link finds it where it was. */
async function follow({ said, bar, body }, since, signal) {
  const live = new Live(signal, {
    ask: () => get(`/api/v1/faults${query({ since })}`, signal),
    put: (page) => put(body, page, since),
    take: { events: ({ events }) => events.some((event) => event.status === "failed") },
    said,
    held: body,
    pace: 5_000,
  });
  fill(bar, live.bar);
  let failed = overview.now()?.events?.failed;
  // Those that were retried, resolved or removed have failed no more: how many there are tells it.
  const count = ({ events }) => {
    if (!events || events.failed === failed) return;
    failed = events.failed;
    live.stale();
  };
  overview.on(count, signal);
  await live.reload();
}

function choice(span, text, since) {
  return link(href(["faults"], { since: span }), text, { class: "choice", "aria-current": span === since && "true" });
}

function put(body, { faults, looked_at, complete }, since) {
  if (faults.length === 0) return fill(body, h("p", { class: "empty" }, "No event has failed."));
  const some = complete ? "" : ` The latest ${format.number(looked_at)} failed events were looked at: there are older ones.`;
  const shown = faults.map((fault) => line(fault, since));
  fill(body, h("p", { class: "muted" }, `${format.plural(faults.length, "fault")}, the most frequent first.${some}`), table("Failed events by fault", HEAD, shown));
}

function line(fault, since) {
  const filter = { status: "failed", fault: fault.fault, since };
  const events = href(["events"], filter);
  const bulk = (act, text) => link(href(["bulk"], { act, ...filter }), text, { class: "button small", "aria-label": `${text} ${fault.reason}` });
  const element = row({ "data-row": "", class: "event failed" }, [
    [format.number(fault.count), "number count", "events"],
    [[fault.system && h("span", { class: "tag" }, fault.system), link(events, fault.reason)], "reason"],
    [[format.time(fault.first), " – ", format.time(fault.latest)], "times"],
    [format.name(fault.commands.join(", ")), "commands"],
    [fault.sample.map((id) => [link(href(["events", id]), `#${id}`), " "]), "samples", "samples"],
    [h("span", { class: "buttons" }, bulk("retry", "Retry …"), bulk("resolve", "Resolve …")), "acts"],
  ]);
  return element;
}
