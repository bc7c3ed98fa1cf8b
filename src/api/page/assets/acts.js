// What can be done to one event: each is asked for once more, and says what became of it.

import { get, path, post } from "./api.js";
import { notice } from "./announce.js";
import * as dialogs from "./dialogs.js";
import { button, failure, fill, h, link } from "./dom.js";
import { plan } from "./plan.js";
import { href } from "./router.js";
import { whyNot } from "./session.js";

/** The buttons of an event. `changed` is called after an act. */
export function buttons(event, changed) {
  const { retry, resolve } = event.acts ?? {};
  return [
    act("Retry …", "retry", retry, () => askRetry(event, changed)),
    act("Resolve …", "resolve", resolve, () => askResolve(event, changed)),
  ];
}

/** A button of an act; where it is not possible it stays to be found, and says why. */
export function act(text, id, not, onclick, properties) {
  const reason = whyNot() ?? not;
  if (!reason) return button(text, onclick, { id, ...properties });
  // Not `disabled`: what cannot have the focus cannot tell its reason.
  return button(text, () => notice(reason, "bad"), { ...properties, id, "aria-disabled": "true", title: reason });
}

function askRetry(event, changed) {
  let force = false;
  const send = (reason) => post(path`/api/v1/events/${event.id}/retry`, { reason, ...(force && { force }) });
  dialogs.ask({
    heading: `Retry event #${event.id}`,
    text: h("p", {}, "It runs again: at the step that failed where nobody has changed the subscriber since, otherwise it is planned anew."),
    reason: "optional",
    yes: "Retry",
    act: send,
    done: (answer) => {
      notice(`Event #${event.id} runs again, ${answer.plan === "resumes" ? "at the step that failed" : "planned anew"}.`);
      changed();
    },
    refused: (problem, dialog) => {
      if (!problem.body.later) return null;
      const go = dialog.querySelector("button[type=submit]");
      force = false;
      go.disabled = true;
      return later(problem.body, (wanted) => {
        force = wanted;
        go.disabled = !wanted;
        go.textContent = wanted ? "Retry all the same" : "Retry";
        go.classList.toggle("danger", wanted);
      });
    },
  });
}

/** Later events of the same subject have completed or wait: what would be sent now, and the leave to send it all the same. */
function later({ later, unknown, plan: foreseen }, wanted) {
  const box = h("input", { type: "checkbox", id: "force", onchange: () => wanted(box.checked) });
  const links = later.map((id) => [link(href(["events", id]), `#${id}`, { target: "_blank" }), " "]);
  return h(
    "div",
    { class: "later" },
    later.length > 0 && h("p", {}, "Later events of the same subject have completed or wait: ", links),
    unknown && h("p", {}, `${later.length > 0 ? "There may be others" : "Whether later events are about the same cannot be known"}: ${unknown}.`),
    foreseen ? [h("h3", {}, "What it would send now"), plan(foreseen)] : h("p", {}, "What it would send cannot be told at the moment."),
    h("p", { class: "check" }, box, h("label", { for: "force" }, "I have looked at it: send it, though it may undo what the later events do")),
  );
}

function askResolve(event, changed) {
  dialogs.ask({
    heading: `Resolve event #${event.id}`,
    text: h("p", {}, "Nothing is sent: the event is ignored from now on, and your reason stands beside it."),
    reason: "required",
    yes: "Resolve",
    act: (reason) => post(path`/api/v1/events/${event.id}/resolve`, { reason }),
    done: () => {
      notice(`Event #${event.id} is resolved.`);
      changed();
    },
  });
}

/** Shows below a button what the event would send if it were run now. */
export async function showPlan(event, outlet, signal) {
  fill(outlet, h("p", { class: "muted" }, "Asking …"));
  try {
    const foreseen = await get(path`/api/v1/events/${event.id}/plan`, signal);
    const heading = h("h2", { tabindex: "-1" }, "What it would send now");
    fill(outlet, h("section", { class: "card", id: "foreseen" }, heading, h("p", { class: "muted" }, "Nothing is sent by looking."), plan(foreseen)));
    heading.focus();
  } catch (problem) {
    if (!signal.aborted) fill(outlet, failure(problem));
  }
}
