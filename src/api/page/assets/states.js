// The states that are mirrored between Asterisks: how it is with each server, and for each key who says what and who has what.

import { get, query } from "./api.js";
import { absent, fill, fillFrom, h, link, row, table } from "./dom.js";
import * as format from "./format.js";
import { Live, turns } from "./live.js";
import { go, href } from "./router.js";

const PAGE = 50;
/** Between two looks at what no stream tells, in milliseconds. */
const PACE = 5_000;
const FILTERS = ["name", "peer", "kind", "diverged"];
const PEERS = [["Asterisk"], ["State"], ["Keys", "number"], ["Waiting", "number"], ["Behind", "number"], ["Diverged", "number"], ["Rejected"], ["Why"]];
const KEYS = [["Name"], ["Kind"], ["Who says what"], ["Together"], ["Who has what"]];

export async function show(outlet, route, signal) {
  const [saidPeers, peers, said, body] = [0, 1, 2, 3].map(() => h("div", {}));
  const [form, given] = filters();
  fill(outlet, h("h1", { tabindex: "-1" }, "States"), saidPeers, peers, form, said, body);
  const servers = new Live(signal, { ask: () => get("/api/v1/states/peers", signal), put: (answer) => fillFrom(peers, answer.peers, asterisks), said: saidPeers });
  const turn = turns(signal);
  let keys = null;
  const update = async ({ query: asked }) => {
    const filter = Object.fromEntries([...FILTERS, "cursor"].map((name) => [name, asked.get(name) ?? ""]));
    given(filter);
    const current = turn();
    const ask = () => get(`/api/v1/states${query({ ...filter, limit: PAGE })}`, current);
    const put = (page) => fillFrom(body, { filter, page }, keysOf);
    keys = new Live(current, { ask, put, said, held: body });
    await keys.reload();
  };
  const problem = await servers.reload();
  if (problem?.status === 404) return absent(outlet, "States", problem);
  await update(route);
  const look = () => {
    if (document.hidden) return;
    servers.reload();
    if (!body.matches(":hover, :focus-within")) keys.reload();
  };
  const timer = setInterval(look, PACE);
  signal.addEventListener("abort", () => clearInterval(timer));
  return update;
}

/** The form, and what puts a filter into it. */
function filters() {
  const name = h("input", { id: "t-name", type: "search", name: "name", "data-key": "/", placeholder: "part of the name" });
  const peer = h("input", { id: "t-peer", name: "peer", autocomplete: "off" });
  const kinds = [["", "both"], ["device", "devices"], ["presence", "presence"]];
  const kind = h("select", { id: "t-kind", name: "kind" }, kinds.map(([value, text]) => h("option", { value }, text)));
  const which = [["", "all"], ["true", "diverged or refused"]];
  const diverged = h("select", { id: "t-diverged", name: "diverged" }, which.map(([value, text]) => h("option", { value }, text)));
  const inputs = { name, peer, kind, diverged };
  const apply = (event) => {
    event?.preventDefault();
    go(["states"], Object.fromEntries(FILTERS.map((filter) => [filter, inputs[filter].value.trim()])));
  };
  const field = (title, input, kind) => h("p", { class: `field ${kind ?? ""}` }, h("label", { for: input.id }, title), input);
  const form = h(
    "form",
    { class: "filters", role: "search", "aria-label": "Filter the states", onsubmit: apply, onchange: (event) => event.target.matches("select") && apply() },
    field("Name", name, "wide"), field("Asterisk", peer), field("Kind", kind), field("Which", diverged),
    h("div", { class: "buttons" }, h("button", { type: "submit" }, "Filter"), link(href(["states"]), "Clear", { class: "button quiet" })),
  );
  const put = (filter) => FILTERS.forEach((name) => (inputs[name].value = filter[name]));
  return [form, put];
}

function asterisks(peers) {
  if (peers.length === 0) return h("p", { class: "empty" }, "No Asterisk is configured.");
  return h("section", { class: "card" }, h("h2", {}, "Asterisks"), table("Asterisks, and how far each is behind", PEERS, peers.map(server)));
}

function server(peer) {
  const rejected = Object.entries(peer.rejected).map(([reason, count]) => `${format.number(count)} ${reason.replaceAll("_", " ")}`);
  const missing = [["devices", peer.devices_missing], ["presence", peer.presences_missing]].filter(([, reason]) => reason);
  return row({ "data-peer": peer.peer }, [
    [link(href(["states"], { peer: peer.peer }), peer.peer), "name"],
    [peer.up ? format.badge("up", "good") : format.badge("down", "bad"), "state"],
    [format.number(peer.entries), "number", "keys"],
    [format.number(peer.queue + peer.in_flight), "number", "waiting"],
    [peer.lag_seconds > 0 ? format.span(peer.lag_seconds) : "–", "number", "behind"],
    [format.number(peer.divergence), "number", "diverged"],
    [rejected.join(", "), "reason", rejected.length > 0 && "rejected"],
    [missing.map(([what, reason]) => `${what} cannot be listed: ${reason}`).join("; "), "reason"],
  ]);
}

function keysOf({ filter, page: { states, next } }) {
  const to = (cursor, text) => link(href(["states"], { ...filter, cursor }), text, { class: "button" });
  const pages = h("div", { class: "buttons" }, filter.cursor && to("", "First page"), next && to(next, "Next page"));
  const shown = states.length > 0 ? table("Devices and presentities by name", KEYS, states.map(key)) : h("p", { class: "empty" }, next ? "Nothing so far; the next page goes on." : "No state matches.");
  return [shown, h("div", { class: "pager" }, pages)];
}

function key(state) {
  const said = ({ peer, value, since }) => h("li", {}, `${peer}: `, h("strong", {}, words(value)), " since ", format.time(since));
  const list = (items) => items.length > 0 && h("ul", { class: "plain" }, items);
  return row({ "data-name": state.name }, [
    [h("code", {}, state.name), "name"],
    [state.kind, "type"],
    [list(state.origins.map(said)), "reason", "says"],
    [state.aggregate ? words(state.aggregate) : "–", "reason", "together"],
    [state.unwritable ? format.badge(`told to nobody: ${state.unwritable.replaceAll("_", " ")}`, "bad") : list(state.peers.filter(concerned).map(held)), "reason", "has"],
  ]);
}

/** Whether there is anything to say of a server. */
function concerned({ wanted, told, refused, diverged }) {
  return wanted || told || refused || diverged;
}

function held({ peer, wanted, has, told, told_at, pending, refused, diverged }) {
  const when = told && [", last told ", words(told), " at ", format.time(told_at)];
  const should = wanted && has && words(wanted) !== words(has) && `, should have ${words(wanted)}`;
  const marks = [
    diverged && format.badge("diverged", "bad"),
    refused && [format.badge("refused", "bad"), ` ${refused}`],
    pending && format.badge("pending", "busy"),
  ];
  return h("li", {}, `${peer}: `, h("strong", {}, has ? words(has) : "?"), should, when, " ", marks);
}

function words({ state, subtype, message }) {
  return [state, subtype, message].filter(Boolean).join(" ");
}
