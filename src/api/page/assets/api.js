// Asks the daemon. Every error is a Problem whose message can be shown as it is.

/** What the daemon (RFC 9457) or the way to it says is wrong; `status` is 0 where no answer came. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? body.title ?? `the daemon answered with status ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** Called with nothing when an answer says that nobody is logged in any more. */
let whenUnknown = () => {};
/** What proves that an act comes from this page; see the API's sessions. */
let csrf = null;

export function onUnknown(call) {
  whenUnknown = call;
}

export function setCsrf(token) {
  csrf = token;
}

/** A path whose inserted values cannot leave their place. */
export function path(texts, ...values) {
  return texts.reduce((path, text, index) => path + encodeURIComponent(values[index - 1]) + text);
}

/** Query parameters without those that are empty. */
export function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  return text ? `?${text}` : "";
}

/** A question that has no answer after this long, in milliseconds, gets none: other questions may wait for it. */
const PATIENCE = 30_000;

export function get(address, signal) {
  const limit = AbortSignal.timeout(PATIENCE);
  return ask(address, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
}

export function post(address, body, signal) {
  const headers = { "Content-Type": "application/json" };
  if (csrf) headers["X-CSRF-Token"] = csrf;
  return ask(address, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** Ends the session, or what else has this address. */
export function remove(address) {
  const headers = csrf ? { "X-CSRF-Token": csrf } : {};
  return ask(address, { method: "DELETE", headers });
}

async function ask(address, options) {
  const answer = await sent(address, options);
  const body = await read(answer);
  if (answer.ok) return body;
  if (answer.status === 401 && address !== "/api/v1/session") whenUnknown();
  throw new Problem(answer.status, body);
}

async function sent(address, options) {
  try {
    return await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, { detail: "The daemon does not answer. What is shown may be old." });
  }
}

async function read(answer) {
  try {
    return (await answer.json()) ?? {};
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return {};
  }
}

/** Whether the same may be answered soon: the daemon, its store or the way to it is away. */
export function isPassing(error) {
  return error instanceof Problem && (error.status === 0 || error.status >= 500);
}

/** Whether an error only says that the reader went elsewhere. */
export function isLeft(error) {
  return error.name === "AbortError";
}
