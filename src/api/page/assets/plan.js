// What an event or a subscriber would send, as the daemon foresees it.

import { h } from "./dom.js";
import * as format from "./format.js";

/** A plan (`Foreseen`): its requests with all their values, or why there are none. */
export function plan(foreseen) {
  const { outcome } = foreseen;
  const heading = [
    h("p", {}, h("strong", {}, foreseen.command), foreseen.given_by && ` given by ${foreseen.given_by}`),
    begins(foreseen.begins),
  ];
  if ("ignored" in outcome) return h("div", { class: "plan" }, heading, h("p", {}, `It would be ignored: ${outcome.ignored}`));
  if ("failed" in outcome) return h("div", { class: "plan" }, heading, h("p", { class: "problem" }, `It would fail before anything is sent: ${outcome.failed}`));
  return h("div", { class: "plan" }, heading, requests(outcome.requests));
}

/** How the run of a stored event begins. */
function begins(begins) {
  if (begins?.anew) return h("p", { class: "begins" }, `It is planned anew: ${begins.anew}.`);
  const at = begins?.resumes;
  return at && h("p", { class: "begins" }, `It resumes at step ${at.step} of ${at.of} of its plan; what is left of it:`);
}

function requests({ requests, members, warnings, unplanned }) {
  return [
    requests.length === 0 ? h("p", {}, "Nothing would be sent: there is nothing to change.") : h("p", {}, `${format.plural(requests.length, "request")} would be sent:`),
    members.length > 0 && h("p", {}, `for ${format.plural(members.length, "member")}: ${members.map((member) => member.user_id).join(", ")}`),
    h("ol", { class: "requests" }, requests.map(request)),
    list("Warnings", warnings),
    list("It would fail for these members when the others are done", unplanned),
  ];
}

function request({ step, system, summary, url, body, effect }) {
  return h(
    "li",
    { value: step },
    h("span", { class: "tag" }, system), summary,
    effect && h("span", { class: "muted" }, ` → ${effect}`),
    h("details", {}, h("summary", {}, body ? "whole request" : "address"), h("p", { class: "address" }, url), body && xml(body, "Request")),
  );
}

function list(title, lines) {
  if (!lines?.length) return null;
  return [h("h4", {}, title), h("ul", { class: "warnings" }, lines.map((line) => h("li", {}, line)))];
}

/** XML laid out; it can be scrolled, with the keyboard as well. */
export function xml(text, label) {
  return h("pre", { tabindex: "0", role: "region", "aria-label": label }, format.pretty(text));
}
