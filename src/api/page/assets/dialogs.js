// Questions before something is done.

import { isLeft } from "./api.js";
import { button, failure, fill, h } from "./dom.js";

let serial = 0;

/** Opens a dialog with this heading and content; it is gone when it closes. */
export function open(heading, ...content) {
  const id = `dialog-${++serial}`;
  const dialog = h("dialog", { "aria-labelledby": id }, h("h2", { id }, heading), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Closes whatever is open, as when the session ends. */
export function closeAll() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

/**
 * Asks, and acts when the answer is yes.
 *
 * `reason` is `required`, `optional` or absent; `act(reason)` does it and may throw a Problem. What `refused(problem)`
 * returns is shown below the problem; the dialog stays open then. `done(answer)` follows when it is closed.
 */
export function ask({ heading, text, reason, yes, mood = "main", act, done, refused = () => null }) {
  const said = h("div", {});
  const field = reason && reasonField(reason);
  const go = h("button", { type: "submit", class: mood }, yes);
  const submit = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      const answer = await act(field?.input.value.trim() || undefined);
      dialog.close();
      done?.(answer);
    } catch (problem) {
      go.disabled = false;
      if (!isLeft(problem)) fill(said, failure(problem), refused(problem, dialog));
    }
  };
  const cancel = button("Cancel", () => dialog.close());
  const form = h("form", { onsubmit: submit }, text, field?.parts, said, h("div", { class: "buttons" }, go, cancel));
  const dialog = open(heading, form);
  (field?.input ?? go).focus();
  return dialog;
}

function reasonField(kind) {
  const id = `reason-${++serial}`;
  const input = h("input", { id, name: "reason", maxlength: "500", required: kind === "required", autocomplete: "off" });
  const label = kind === "required" ? "Reason (others will read it in the audit)" : "Reason (optional, for the audit)";
  return { input, parts: h("p", { class: "field" }, h("label", { for: id }, label), input) };
}
