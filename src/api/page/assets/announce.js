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

/** Shows what became of an act, until it is closed or another takes its place. */
export function notice(sentence, mood = "good") {
  const region = document.getElementById("alarms");
  region.querySelector(".notice")?.remove();
  const note = h("div", { class: `notice ${mood}`, role: "status" }, h("span", {}, sentence));
  note.append(button("Close", () => note.remove(), { class: "quiet" }));
  region.append(note);
}

/** Shows one standing alarm by its name, or takes it away with null. */
export function alarm(name, sentence) {
  const region = document.getElementById("alarms");
  const shown = region.querySelector(`[data-alarm="${CSS.escape(name)}"]`);
  if (sentence === null) return shown?.remove();
  if (shown) return shown.textContent === sentence ? undefined : fill(shown, sentence);
  region.prepend(h("div", { class: "alarm", role: "alert", "data-alarm": name }, sentence));
}
