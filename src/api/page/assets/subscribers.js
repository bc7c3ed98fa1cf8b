// Subscribers as the daemon believes the core holds them.

import { get, query } from "./api.js";
import { fill, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { Live, turns } from "./live.js";
import { go, href } from "./router.js";
import { show as showOne } from "./subscriber.js";

const PAGE = 50;
const HEAD = [["User"], ["Type"], ["Group"], ["Phone"], ["Public identity"], ["Changed"]];

export async function show(outlet, route, signal) {
  if (route.path[1]) return showOne(outlet, route.path[1], signal);
  const said = h("div", {});
  const body = h("div", {});
  const input = h("input", { id: "s-text", type: "search", name: "text", "data-key": "/", placeholder: "start of the user, whole phone or identity" });
  const group = h("input", { id: "s-group", name: "group", autocomplete: "off" });
  const apply = (event) => {
    event.preventDefault();
    go(["subscribers"], { text: input.value.trim(), group: group.value.trim() });
  };
  const form = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Search subscribers", onsubmit: apply },
    h("p", { class: "field wide" }, h("label", { for: "s-text" }, "Subscriber"), input),
    h("p", { class: "field" }, h("label", { for: "s-group" }, "Group"), group),
    h("div", { class: "buttons" }, h("button", { type: "submit" }, "Search")),
  );
  fill(outlet, h("h1", { tabindex: "-1" }, "Subscribers"), form, said, body);
  const turn = turns(signal);
  const update = async ({ query: given }) => {
    const [text, of, cursor] = ["text", "group", "cursor"].map((name) => given.get(name) ?? "");
    input.value = text;
    group.value = of;
    const asked = { text, group: of, cursor };
    const current = turn();
    const ask = () => get(`/api/v1/subscribers${query({ ...asked, limit: PAGE })}`, current);
    await new Live(current, { ask, put: (page) => put(body, asked, page), said, held: body }).reload();
  };
  await update(route);
  return update;
}

function put(body, asked, { subscribers, next }) {
  if (subscribers.length === 0) return fill(body, h("p", { class: "empty" }, "No subscriber matches."));
  const to = (cursor, text) => link(href(["subscribers"], { ...asked, cursor }), text, { class: "button" });
  const pages = h("div", { class: "buttons" }, asked.cursor && to("", "First page"), next && to(next, "Next page"));
  fill(body, table("Subscribers by user", HEAD, subscribers.map(line)), h("div", { class: "pager" }, pages));
}

function line(subscriber) {
  return row({ "data-row": subscriber.user, class: "event" }, [
    [link(href(["subscribers", subscriber.user]), format.name(subscriber.user)), "user"],
    [subscriber.type, "type"],
    [subscriber.group, "group", "group"],
    [subscriber.phone, "phone", "phone"],
    [format.name(subscriber.public_identity), "identity"],
    [format.time(subscriber.updated ?? subscriber.created), "time"],
  ]);
}
