// Who is looking, and the form where the daemon wants to know it.

import { get, post, remove, setCsrf } from "./api.js";
import { button, failure, fill, h } from "./dom.js";

let current = { login_required: false, name: null, role: null, csrf: null };

/** Asks the daemon who this is. */
export async function load() {
  take(await get("/api/v1/session"));
}

function take(session) {
  current = session;
  setCsrf(session.csrf);
}

/** Whether the form must be shown first. */
export function isStranger() {
  return current.login_required && !current.name;
}

/** Forgets who this was: the daemon does not know it any more. */
export function forget() {
  take({ login_required: true, name: null, role: null, csrf: null });
}

/** Why this reader cannot act; null where they can. */
export function whyNot() {
  return current.role === "operator" ? null : "Your role is viewer: acts want the role operator.";
}

/** Name, role and, where there is a session, the button that ends it. */
export function who(whenEnded) {
  if (!current.name) return null;
  const leave = async () => {
    await remove("/api/v1/session").catch(() => {});
    forget();
    whenEnded();
  };
  const end = current.login_required && button("Log out", leave, { class: "quiet" });
  return [h("span", { class: "who" }, `${current.name} (${current.role})`), end];
}

/** The form; calls `entered` when the daemon has taken the token. `note` says why it is shown. */
export function form(note, entered) {
  const said = h("div", {});
  const token = h("input", {
    id: "token", name: "token", type: "password", autocomplete: "current-password", required: true,
  });
  const enter = h("button", { type: "submit", class: "main" }, "Log in");
  const submit = async (event) => {
    event.preventDefault();
    enter.disabled = true;
    try {
      take(await post("/api/v1/session", { token: token.value }));
      entered();
    } catch (problem) {
      fill(said, failure(problem));
      token.select();
    } finally {
      enter.disabled = false;
    }
  };
  return h(
    "form",
    { class: "login card", onsubmit: submit },
    h("h1", { tabindex: "-1" }, "Log in"),
    note && h("p", { class: "note" }, note),
    h("p", {}, "This daemon wants to know who looks. The token is the one that you were given for its API."),
    h("label", { for: "token" }, "Token"),
    token,
    said,
    enter,
  );
}
