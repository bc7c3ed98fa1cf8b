// How the daemon and everything around it is: store, systems and their hosts, connections, backlog, and every actor.

import { get, path, post } from "./api.js";
import { act } from "./acts.js";
import { noticeOf } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { fill, fillFrom, h, row, table } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import * as overview from "./overview.js";
import { tree } from "./tree.js";

/** Between two looks at what no stream tells, in milliseconds. */
const PACE = 5_000;
const NAMES = { hss: "HSS", enum: "ENUM", mail: "Mail" };

/** Hears how a system is whose pause or resumption is told; `null` where none is. */
let told = null;

export async function show(outlet, _route, signal) {
  const parts = Object.fromEntries(["summary", "systems", "hosts", "connections", "tree", "said"].map((name) => [name, h("div", {})]));
  fill(outlet, h("h1", { tabindex: "-1" }, "Systems"), parts.said, parts.summary, parts.systems, parts.hosts, parts.connections, parts.tree);
  const live = new Live(signal, { ask: () => look(signal), put: (actors) => tree(parts.tree, actors), said: parts.said });
  overview.on((status) => put(parts, status), signal);
  await live.reload();
  const timer = setInterval(() => document.hidden || live.reload(), PACE);
  signal.addEventListener("abort", () => clearInterval(timer));
}

/** Asks for the tree, and for the rest, which all views share. */
async function look(signal) {
  const [problem, actors] = await Promise.all([overview.load(), get("/api/v1/tree", signal)]);
  if (problem) throw problem;
  return actors;
}

function put(parts, status) {
  told?.(status.systems);
  fill(parts.summary, summary(status));
  fillFrom(parts.systems, status.systems, systems);
  fillFrom(parts.hosts, status.hosts, hosts);
  fillFrom(parts.connections, status.connections, connections);
}

function summary({ store, intake, disks, backlog, events, uptime_seconds, restarts, node, version }) {
  const tile = (title, value, about) => h("div", { class: "tile" }, h("dt", {}, title), h("dd", {}, value, about && h("span", { class: "muted" }, about)));
  const database = ({ up, reason }) => (up ? format.badge("up", "good") : [format.badge("down", "bad"), h("span", { class: "muted" }, reason)]);
  const room = ({ path, free_bytes, total_bytes, low }) =>
    tile("Free on disk", [format.bytes(free_bytes), " ", low && format.badge("low", "busy")], `of ${format.bytes(total_bytes)} at ${path}`);
  const oldest = events?.oldest_pending_seconds;
  return h(
    "dl",
    { class: "tiles" },
    store && tile("Events database", database(store.events)),
    store && tile("Subscribers database", database(store.subscribers)),
    tile("Intake", intake === "open" ? format.badge("open", "good") : [format.badge("closed", "bad"), h("span", { class: "muted" }, intake)]),
    disks?.map(room),
    backlog && tile("Backlog", format.number(backlog.unfinished), `${format.number(backlog.running)} running${waits(backlog)}`),
    events && tile("Oldest pending", oldest === null || oldest === undefined ? "–" : format.span(oldest)),
    tile("Restarts of actors", format.number(restarts)),
    tile("Up for", format.span(uptime_seconds ?? 0), `${node ?? ""} ${version ?? ""}`),
  );
}

function waits({ waiting, more_in_store }) {
  const pairs = Array.isArray(waiting) ? waiting : Object.entries(waiting ?? {});
  const texts = pairs.map(([party, count]) => `, ${format.number(count)} wait for ${party}`);
  return texts.join("") + (more_in_store ? ", more in the store" : "");
}

function systems(systems) {
  if (!systems) return null;
  const line = (system) => {
    const { state, paused } = system;
    const name = NAMES[system.system] ?? system.system;
    const why = paused && ["paused by ", paused.by, " since ", format.time(paused.since), paused.reason && `: ${paused.reason}`];
    const mood = { running: "good", paused: "busy" }[state] ?? "idle";
    return row({ id: `system-${system.system}` }, [
      [name, "name"],
      [system.configured ? format.badge(state, mood) : format.badge("not configured", "idle"), "state"],
      [why, "reason"],
      [system.configured && control(system.system, name, state), "acts"],
    ]);
  };
  return h("section", { class: "card" }, h("h2", {}, "Systems that requests go to"),
    table("Systems, and which of them are paused", [["System"], ["State"], ["Why"], ["Act"]], systems.map(line)));
}

function control(system, name, state) {
  const verb = state === "paused" ? "resume" : "pause";
  const title = verb === "pause" ? "Pause" : "Resume";
  const text = verb === "pause"
    ? "Events are received and stored as ever; those that need this system wait until it is resumed."
    : "The events that wait for it go on at once.";
  const question = () => dialogs.ask({
    heading: `${title} ${name}`,
    text: h("p", {}, text),
    reason: "optional",
    yes: title,
    act: (reason) => post(path`/api/v1/systems/${system}/${verb}`, { reason }),
    done: ({ state }) => {
      const heard = noticeOf(`${name} is ${state}.`, state);
      told = (systems) => heard(systems?.find((one) => one.system === system)?.state);
      overview.load();
    },
  });
  return act(`${title} …`, `${verb}-${system}`, null, question, { class: "small", "aria-label": `${title} ${name}` });
}

const BREAKERS = { closed: "good", half_open: "busy", open: "bad" };

function hosts(hosts) {
  if (!hosts?.length) return null;
  const line = (host) => row({}, [
    [host.system === "ema" ? "EMA" : "Mail", "name"],
    [h("code", {}, host.host), "host"],
    [host.role, "role"],
    [format.badge(host.breaker.replace("_", " "), BREAKERS[host.breaker] ?? "idle"), "state", "breaker"],
    [format.number(host.sessions), "number", "sessions"],
    [host.failing_since && ["failing since ", format.time(host.failing_since), host.reason && `: ${host.reason}`], "reason"],
  ]);
  return h("section", { class: "card" }, h("h2", {}, "Hosts"),
    table("Hosts with their breakers and sessions", [["System"], ["Host"], ["Role"], ["Breaker"], ["Sessions", "number"], ["Why"]], hosts.map(line)));
}

function connections(connections) {
  if (!connections) return null;
  if (connections.length === 0) return h("section", { class: "card" }, h("h2", {}, "Connections"), h("p", {}, "None is configured."));
  const line = ({ name, address, up, since, reason }) => row({}, [
    [name, "name"],
    [h("code", {}, address), "host"],
    [up ? format.badge("up", "good") : format.badge("down", "bad"), "state"],
    [format.time(since), "time", "since"],
    [reason, "reason"],
  ]);
  return h("section", { class: "card" }, h("h2", {}, "Connections"),
    table("Connections", [["Name"], ["Address"], ["State"], ["Since"], ["Why"]], connections.map(line)));
}
