// One subscriber: the row, its events, and sending it anew.

import { get, isLeft, path, post } from "./api.js";
import { act } from "./acts.js";
import { notice } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { failure, facts, fill, fillFrom, h, link } from "./dom.js";
import * as format from "./format.js";
import { Live } from "./live.js";
import { plan } from "./plan.js";
import { go, href } from "./router.js";
import * as rows from "./rows.js";

export async function show(outlet, user, signal) {
  const parts = { row: h("div", {}), said: h("div", {}), events: h("div", {}) };
  const live = new Live(signal, {
    ask: () => get(path`/api/v1/subscribers/${user}`, signal),
    put: (answer) => put(parts, user, answer, signal),
    // Whose an event is stands in its document, which is not told: any may be theirs.
    take: { events: () => true },
    said: parts.said,
    held: parts.events,
  });
  const crumbs = h("p", { class: "crumbs" }, link(href(["subscribers"]), "Subscribers"));
  fill(outlet, crumbs, h("h1", { tabindex: "-1" }, user), parts.row, parts.said, live.bar, parts.events);
  await live.open();
}

function put(parts, user, { subscriber, events }, signal) {
  const gone = h("p", { class: "note" }, "There is no row of this subscriber: it was deleted, or never completed.");
  fillFrom(parts.row, subscriber, () => [subscriber ? card(subscriber) : gone, again(user, subscriber, parts, signal)]);
  const none = h("p", { class: "muted" }, "No event of this subscriber is stored.");
  const list = () => (events.length ? rows.events("Events of this subscriber, the latest first", events) : none);
  fillFrom(parts.events, events, () => h("section", { class: "card" }, h("h2", {}, "Events"), list()));
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
      go(["events", id]);
      notice(`Event #${id} sends the row of ${user}.`);
    },
  });
}
