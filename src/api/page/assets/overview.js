// How the daemon is, for all views: what `/api/v1/status` said last, kept fresh by the stream.

import { get } from "./api.js";
import * as stream from "./stream.js";

let current = null;
const listeners = new Set();

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

/** Asks for everything anew. */
export async function load() {
  merge(await get("/api/v1/status"));
}

function merge(part) {
  current = { ...current, ...part };
  for (const call of [...listeners]) call(current);
}

/** Listens to the stream for as long as the page is shown. */
export function start() {
  stream.on("status", merge);
  stream.on("counts", (counts) => merge({ events: { ...current?.events, ...counts }, counts_at: counts.at }));
  stream.on("reset", () => load().catch(() => {}));
}
