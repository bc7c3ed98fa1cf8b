// Failed events by what went wrong, so that one cause is seen and dealt with once.

import { get, isLeft, query } from "./api.js";
import { failure, fill, h, link, paced, row, table } from "./dom.js";
import * as format from "./format.js";
import { href } from "./router.js";
import * as stream from "./stream.js";

const SPANS = [["1h", "last hour"], ["24h", "last 24 hours"], ["7d", "last 7 days"], ["", "any time"]];
const HEAD = [["Events", "number"], ["What went wrong"], ["First and latest"], ["Commands"], ["Samples"], ["Act"]];

export async function show(outlet, route, signal) {
  const body = h("div", {});
  const said = h("div", {});
  const choices = h("nav", { class: "choices", "aria-label": "Time" });
  fill(outlet, h("h1", { tabindex: "-1" }, "Failures"), choices, said, body);
  let since = "";
  const load = async () => {
    const page = await get(`/api/v1/faults${query({ since })}`, signal);
    fill(said);
    put(body, page, since);
  };
  const reload = () => load().catch((problem) => isLeft(problem) || fill(said, failure(problem)));
  const update = async (route) => {
    since = route.query.get("since") ?? "";
    fill(choices, SPANS.map(([span, text]) => choice(span, text, since)));
    await load();
  };
  await update(route);
  // What has failed since is fetched soon, unless somebody is about to follow a link that would move away.
  const soon = paced(5_000, signal, () => body.matches(":hover, :focus-within") || reload());
  stream.on("events", ({ events }) => events.some((event) => event.status === "failed") && soon(), signal);
  stream.on("reset", reload, signal);
  return update;
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
    [fault.commands.join(", "), "commands"],
    [fault.sample.map((id) => [link(href(["events", id]), `#${id}`), " "]), "samples", "samples"],
    [h("span", { class: "buttons" }, bulk("retry", "Retry …"), bulk("resolve", "Resolve …")), "acts"],
  ]);
  return element;
}
