// One subscriber: the row, its events, and sending it anew.

import { get, isLeft, path, post } from "./api.js";
import { act } from "./acts.js";
import { notice } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { failure, facts, fill, h, link, paced } from "./dom.js";
import * as format from "./format.js";
import { plan } from "./plan.js";
import { go, href } from "./router.js";
import * as rows from "./rows.js";
import * as stream from "./stream.js";

export async function show(outlet, user, signal) {
  const parts = { row: h("div", {}), said: h("div", {}), events: h("div", {}) };
  const load = async () => put(parts, user, await get(path`/api/v1/subscribers/${user}`, signal), signal);
  const reload = () => load().catch((problem) => isLeft(problem) || fill(parts.said, failure(problem)));
  await load();
  const crumbs = h("p", { class: "crumbs" }, link(href(["subscribers"]), "Subscribers"));
  fill(outlet, crumbs, h("h1", { tabindex: "-1" }, user), parts.row, parts.said, parts.events);
  const soon = paced(1_000, signal, () => parts.events.matches(":hover, :focus-within") || reload());
  stream.on("events", ({ events }) => concern(parts, events) && soon(), signal);
  stream.on("reset", reload, signal);
}

/** Whose an event is stands in its document: those that are shown have changed, or new ones may be theirs. */
function concern(parts, events) {
  const shown = new Set([...parts.events.querySelectorAll("[data-row]")].map((row) => Number(row.dataset.row)));
  return events.some(({ id }) => shown.has(id) || id > Math.max(0, ...shown));
}

function put(parts, user, { subscriber, events }, signal) {
  fill(parts.row, subscriber ? card(subscriber) : h("p", { class: "note" }, "There is no row of this subscriber: it was deleted, or never completed."), again(user, subscriber, parts, signal));
  const none = h("p", { class: "muted" }, "No event of this subscriber is stored.");
  fill(parts.events, h("section", { class: "card" }, h("h2", {}, "Events"), events.length ? rows.events("Events of this subscriber, the latest first", events) : none));
}

function card(row) {
  const group = row.group && link(href(["subscribers"], { group: row.group }), row.group);
  const odd = row.problem && h("p", { class: "problem" }, `Events of this subscriber fail: ${row.problem}`);
  return h("section", { class: "card" }, h("h2", {}, "Row"), odd, facts([
    ["Type", row.type], ["Group", group], ["Phone", row.phone], ["Phone context", row.phone_context],
    ["Public identity", row.public_identity], ["Association", row.association && h("code", {}, row.association)],
    ["Mail account", row.mail_user], ["Busy lamp list", row.blf_user],
    ["Created", format.time(row.created)], ["Changed", format.time(row.updated)],
  ]));
}

function again(user, subscriber, parts, signal) {
  const not = subscriber ? null : "There is no row to send.";
  return h("div", { class: "buttons" }, act("Send the row anew …", "reprovision", not, () => question(user, parts, signal)));
}

/** Shows what would be sent; the digest makes sure that exactly this is sent, or nothing. */
async function question(user, parts, signal) {
  const where = path`/api/v1/subscribers/${user}/reprovision`;
  let foreseen;
  try {
    foreseen = await get(where, signal);
  } catch (problem) {
    return isLeft(problem) ? undefined : void fill(parts.said, failure(problem));
  }
  fill(parts.said);
  dialogs.ask({
    heading: `Send ${user} anew`,
    text: [h("p", {}, "The systems get again what the row says:"), plan(foreseen.plan)],
    reason: "optional",
    yes: "Send",
    mood: "danger",
    act: (reason) => post(where, { reason, digest: foreseen.digest }),
    done: ({ id }) => {
      notice(`Event #${id} sends the row of ${user}.`);
      go(["events", id]);
    },
  });
}
