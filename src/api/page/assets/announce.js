// Tells what has changed to those who do not see it, without talking all the time.

import { button, fill, h } from "./dom.js";

/** Pause between two announcements, in milliseconds; of what comes in between only the last is told. */
const PAUSE = 10_000;

let waiting = null;
let timer = null;

/** Says a sentence through the live region, at most one in a while. */
export function announce(sentence) {
  waiting = sentence;
  if (timer === null) speak();
}

function speak() {
  timer = null;
  if (waiting === null) return;
  document.getElementById("announcer").textContent = waiting;
  waiting = null;
  timer = setTimeout(speak, PAUSE);
}

/** Shows what became of an act, until it is closed, another takes its place, or its page is left. Returns what takes it away. */
export function notice(sentence, mood = "good") {
  const region = document.getElementById("alarms");
  region.querySelector(".notice")?.remove();
  const note = h("div", { class: `notice ${mood}`, role: "status" }, h("span", {}, sentence));
  note.append(button("Close", () => note.remove(), { class: "quiet" }));
  region.append(note);
  const page = here();
  const left = () => here() !== page && end();
  const end = () => {
    note.remove();
    window.removeEventListener("hashchange", left);
  };
  window.addEventListener("hashchange", left);
  return end;
}

/** The page in the address, under whatever query. */
function here() {
  return location.hash.split("?")[0];
}

/** The same of a state that begins. What is returned is to be called with every state that is heard of: the notice ends with its state. */
export function noticeOf(sentence, state) {
  const end = notice(sentence);
  let hasBegun = false;
  return (now) => {
    if (now === state) hasBegun = true;
    else if (hasBegun) end();
  };
}

/** Shows one standing alarm by its name, or takes it away with null. */
export function alarm(name, sentence) {
  const region = document.getElementById("alarms");
  const shown = region.querySelector(`[data-alarm="${CSS.escape(name)}"]`);
  if (sentence === null) return shown?.remove();
  if (shown) return shown.textContent === sentence ? undefined : fill(shown, sentence);
  region.prepend(h("div", { class: "alarm", role: "alert", "data-alarm": name }, sentence));
}
