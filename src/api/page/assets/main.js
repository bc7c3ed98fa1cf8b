// The frame around all views: who is looking, whether it is live, and what stands out.

import { onUnknown } from "./api.js";
import { alarm, announce, notice } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { fill, h, link } from "./dom.js";
import * as format from "./format.js";
import * as keys from "./keys.js";
import * as overview from "./overview.js";
import * as router from "./router.js";
import * as session from "./session.js";
import * as stream from "./stream.js";
import * as audit from "./audit.js";
import * as bulk from "./bulk.js";
import * as event from "./event.js";
import * as events from "./events.js";
import * as faults from "./faults.js";
import * as hubs from "./hubs.js";
import * as states from "./states.js";
import * as subscribers from "./subscribers.js";
import * as systems from "./systems.js";

const VIEWS = {
  events: (outlet, route, signal) => (route.path[1] ? event : events).show(outlet, route, signal),
  faults: faults.show,
  bulk: bulk.show,
  systems: systems.show,
  states: states.show,
  hubs: hubs.show,
  subscribers: subscribers.show,
  audit: audit.show,
};

const PAGES = [["events", "Events"], ["faults", "Failures"], ["systems", "Systems"], ["subscribers", "Subscribers"], ["states", "States"], ["hubs", "Hubs"], ["audit", "Audit"]];
const STATES = { live: "live", connecting: "connecting …", resting: "resting" };

const content = document.getElementById("content");
let isRunning = false;

async function begin() {
  navigation();
  keys.start(PAGES);
  document.getElementById("skip").addEventListener("click", skip);
  onUnknown(lost);
  overview.on(standing);
  stream.on("state", showState);
  stream.on("reset", () => notice("The stream of news began anew: what is shown was read again.", "busy"));
  await enter();
}

/** Shows the page, or the form to those whom the daemon does not know. */
async function enter(note) {
  try {
    await session.load();
  } catch (problem) {
    alarm("daemon", problem.message);
    return void setTimeout(enter, 2_000);
  }
  alarm("daemon", null);
  if (session.isStranger()) return login(note);
  await run();
}

async function run() {
  document.body.classList.remove("stranger");
  fill(document.getElementById("who"), session.who(() => lost("You have logged out.")));
  stream.start(refused);
  overview.load();
  await stream.ready();
  if (isRunning) return router.reload();
  isRunning = true;
  await router.start(content, VIEWS);
}

/** The daemon does not know the reader any more: they log in and are back where they were. */
function lost(note = "Your session has ended. Log in again, and you are back where you were.") {
  if (document.body.classList.contains("stranger")) return;
  dialogs.closeAll();
  router.leave();
  session.forget();
  stream.stop();
  login(note);
}

function login(note) {
  document.body.classList.add("stranger");
  fill(document.getElementById("who"));
  fill(content, session.form(note, () => run()));
  document.title = "Log in · eventmanager";
  document.getElementById("token").focus();
}

/** The stream was refused: the session may have ended while nothing else was asked. */
async function refused() {
  await session.load().catch(() => {});
  if (session.isStranger()) lost();
}

function navigation() {
  const item = ([name, text]) => h("li", {}, link(`#/${name}`, [text, name === "faults" && h("span", { class: "count", id: "failed" })], { "data-page": name }));
  fill(document.getElementById("pages"), h("ul", {}, PAGES.map(item)));
  window.addEventListener("hashchange", current);
  current();
}

function current() {
  // What is done to many events belongs to the events.
  const here = router.here().path[0]?.replace("bulk", "events") ?? "events";
  for (const page of document.querySelectorAll("[data-page]")) {
    if (page.dataset.page === here) page.setAttribute("aria-current", "page");
    else page.removeAttribute("aria-current");
  }
}

function showState(state) {
  const live = document.getElementById("live");
  if (live.dataset.state === "live") announce("What is shown is not live at the moment");
  live.dataset.state = state;
  fill(live, h("span", { class: "dot", "aria-hidden": "true" }), STATES[state]);
}

/** What everybody should see, whichever page they are on. */
function standing({ node, version, events, intake, disks, systems }) {
  const failed = events?.failed ?? 0;
  fill(document.getElementById("failed"), failed > 0 && [` ${format.number(failed)}`, h("span", { class: "unseen" }, " failed")]);
  fill(document.getElementById("foot"), node && `${node}, eventmanager ${version}`, " · ", link("/openapi.json", "API"), " · ", link("/metrics", "metrics"));
  const paused = (systems ?? []).filter(({ state, configured }) => configured && state === "paused").map(({ system }) => system);
  const them = paused.length === 1 ? "it" : "them";
  alarm("paused", paused.length ? `Paused: ${paused.join(", ")}. Events that need ${them} wait.` : null);
  const low = (disks ?? []).filter((disk) => disk.low).map(({ path }) => path);
  alarm("disk", low.length ? `Little room is left on the disk of ${low.join(" and ")}.` : null);
  alarm("store", intake && intake !== "open" ? `Intake is ${intake}` : null);
}

/** The address stays: it says which view is shown. */
function skip(event) {
  event.preventDefault();
  (content.querySelector("h1") ?? content).focus();
}

showState("connecting");
begin();
