// Who gets events over Event Management: how far each hub has got, and which of them do not get on.

import { get, query } from "./api.js";
import { absent, fill, fillFrom, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { show as showOne } from "./hub.js";
import { Live, turns } from "./live.js";
import { go, href } from "./router.js";

const PAGE = 50;
/** Between two looks at what no stream tells, in milliseconds. */
const PACE = 5_000;
const HEAD = [["Callback"], ["Topic"], ["State"], ["Sequence", "number"], ["Backlog", "number"], ["Owner"], ["Why"]];

export async function show(outlet, route, signal) {
  if (route.path[1]) return showOne(outlet, route.path[1], signal);
  const [said, body] = [0, 1].map(() => h("div", {}));
  const topic = h("input", { id: "h-topic", name: "topic", "data-key": "/", autocomplete: "off" });
  const apply = (event) => {
    event.preventDefault();
    go(["hubs"], { topic: topic.value.trim() });
  };
  const form = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter the hubs", onsubmit: apply },
    h("p", { class: "field" }, h("label", { for: "h-topic" }, "Topic"), topic),
    h("div", { class: "buttons" }, h("button", { type: "submit" }, "Filter"), link(href(["hubs"]), "Clear", { class: "button quiet" })),
  );
  fill(outlet, h("h1", { tabindex: "-1" }, "Hubs"), form, said, body);
  const turn = turns(signal);
  let hubs = null;
  const update = async ({ query: given }) => {
    const asked = { topic: given.get("topic") ?? "", cursor: given.get("cursor") ?? "" };
    topic.value = asked.topic;
    const current = turn();
    const ask = () => get(`/api/v1/hubs${query({ ...asked, limit: PAGE })}`, current);
    hubs = new Live(current, { ask, put: (page) => fillFrom(body, { asked, page }, list), said, held: body });
    return hubs.reload();
  };
  const problem = await update(route);
  if (problem?.status === 404) return absent(outlet, "Hubs", problem);
  const look = () => document.hidden || body.matches(":hover, :focus-within") || hubs.reload();
  const timer = setInterval(look, PACE);
  signal.addEventListener("abort", () => clearInterval(timer));
  return update;
}

function list({ asked, page: { hubs, next } }) {
  if (hubs.length === 0) return h("p", { class: "empty" }, asked.topic ? "No hub has this topic." : "Nobody has registered yet.");
  const to = (cursor, text) => link(href(["hubs"], { ...asked, cursor }), text, { class: "button" });
  const pages = h("div", { class: "buttons" }, asked.cursor && to("", "First page"), next && to(next, "Next page"));
  return [table("Hubs, the oldest first", HEAD, hubs.map(line)), h("div", { class: "pager" }, pages)];
}

function line(hub) {
  return row({ "data-hub": hub.id }, [
    [link(href(["hubs", hub.id]), format.name(hub.callback)), "name"],
    [hub.topic, "type"],
    [state(hub), "state"],
    [format.number(hub.sequence), "number", "sequence"],
    [format.number(hub.backlog), "number", "backlog"],
    [format.name(hub.owner) || "–", "user", "owner"],
    [why(hub), "reason"],
  ]);
}

/** How it is, in a word or two: what fails may be what is sent once more. */
export function state({ state, failing, replaying }) {
  const again = replaying && [" ", format.badge("replaying", "busy")];
  if (state === "halted") return [format.badge("halted", "bad"), again];
  if (failing) return [format.badge("failing", "busy"), again];
  return again || format.badge("active", "good");
}

/** Why it does not get on; null where it does. */
export function why({ halted, failing }) {
  if (halted) return ["since ", format.time(halted.since), `: ${halted.reason}`];
  if (!failing) return null;
  const tries = format.plural(failing.attempts, "attempt");
  return [`${tries} since `, format.time(failing.since), ", the next ", format.time(failing.next_attempt), `: ${failing.last}`];
}
