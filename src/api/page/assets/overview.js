// How the daemon is, for all views: what `/api/v1/status` said last, kept fresh by the stream.

import { get } from "./api.js";
import { Live } from "./live.js";

let current = null;
const listeners = new Set();
const take = {
  status: (status) => merge(status),
  counts: (counts) => merge({ events: { ...current?.events, ...counts }, counts_at: counts.at }),
};
/** It lasts as long as the page. */
const live = new Live(new AbortController().signal, { ask: () => get("/api/v1/status"), put: merge, take });

/** What is known; null before the first answer. */
export function now() {
  return current;
}

/** Calls with what is known, at once if anything is, and whenever it changes, until the signal. */
export function on(call, signal) {
  listeners.add(call);
  signal?.addEventListener("abort", () => listeners.delete(call));
  if (current) call(current);
}

/** Asks for everything anew; resolves to what went wrong, or null. */
export function load() {
  return live.reload();
}

function merge(part) {
  current = { ...current, ...part };
  for (const call of [...listeners]) call(current);
}
