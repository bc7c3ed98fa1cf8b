// What operators have done: who, when, what, to what, and why.

import { get, query } from "./api.js";
import { fill, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { Live, turns } from "./live.js";
import { href } from "./router.js";

const PAGE = 100;
const HEAD = [["When"], ["Who"], ["Act"], ["To what"], ["Why, or what came of it"]];

export async function show(outlet, route, signal) {
  const said = h("div", {});
  const body = h("div", {});
  fill(outlet, h("h1", { tabindex: "-1" }, "Audit"), said, body);
  const turn = turns(signal);
  const update = async ({ query: given }) => {
    const before = given.get("before");
    const current = turn();
    const ask = () => get(`/api/v1/audit${query({ limit: PAGE, before })}`, current);
    await new Live(current, { ask, put: (page) => put(body, page, before), said, held: body }).reload();
  };
  await update(route);
  return update;
}

function put(body, { acts, next }, before) {
  if (acts.length === 0) return fill(body, h("p", { class: "empty" }, "Nobody has done anything yet."));
  const newest = before && link(href(["audit"]), "Newest", { class: "button" });
  const older = next && link(href(["audit"], { before: next }), "Older", { class: "button" });
  fill(body, table("Acts of operators, the latest first", HEAD, acts.map(line)), h("div", { class: "pager" }, h("div", { class: "buttons" }, newest, older)));
}

function line({ at, actor, act, object, detail }) {
  return row({}, [
    [format.time(at), "time"],
    [format.name(actor), "user"],
    [h("span", { class: "tag" }, act), "act"],
    [target(object), "object"],
    [detail, "reason"],
  ]);
}

/** Events are linked; systems and whatever else is acted on stand as they are. */
function target(object) {
  const event = /^(?:event )?#?(\d+)$/.exec(object);
  return event ? link(href(["events", event[1]]), `#${event[1]}`) : object;
}
