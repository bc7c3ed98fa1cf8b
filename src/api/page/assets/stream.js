// The live stream of the daemon: one connection for the whole page, which resumes where it was cut.

import { query } from "./api.js";

/** A hidden page lets go of its connection after this long: a browser has six of them for all pages of a host. */
const HIDDEN = 30_000;
/** Pauses between attempts after a refusal, in milliseconds. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

const KINDS = ["events", "counts", "status", "reset"];
const listeners = new Map([...KINDS, "anew", "state"].map((kind) => [kind, new Set()]));
let source = null;
let last = null;
let pause = FIRST_PAUSE;
let timer = null;
let state = "connecting";
let isWanted = false;
let whenRefused = async () => {};
/** How long one waits for the first connection before one goes on without it, in milliseconds. */
const MOMENT = 1_000;
let met = null;
const first = new Promise((resolve) => (met = resolve));

/**
 * Calls with what a message of this kind holds, until the signal. `state` tells `live`, `connecting` or `resting`; `anew` that
 * from now on all is told, and nothing is known of what was before: whatever was loaded until then may be old.
 */
export function on(kind, call, signal) {
  listeners.get(kind).add(call);
  signal?.addEventListener("abort", () => listeners.get(kind).delete(call));
}

function tell(kind, value) {
  for (const call of [...listeners.get(kind)]) call(value);
}

function become(word) {
  if (state === word) return;
  state = word;
  tell("state", word);
}

/** Connects and stays connected. `refused` is awaited when the daemon answers with something else than a stream. */
export function start(refused) {
  whenRefused = refused;
  isWanted = true;
  document.addEventListener("visibilitychange", rest);
  connect();
}

/** Resolves when the stream is connected or refused, or after a moment: what is loaded after it was connected is loaded once. */
export function ready() {
  return Promise.race([first, new Promise((resolve) => setTimeout(resolve, MOMENT))]);
}

export function stop() {
  isWanted = false;
  close();
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function connect() {
  close();
  become("connecting");
  const opened = new EventSource(`/api/v1/stream${query({ since: last })}`);
  source = opened;
  opened.onopen = () => {
    pause = FIRST_PAUSE;
    become("live");
    if (last === null) tell("anew");
    met();
  };
  opened.onerror = () => lost(opened);
  for (const kind of KINDS) opened.addEventListener(kind, (event) => take(kind, event));
}

function take(kind, event) {
  if (event.lastEventId) last = event.lastEventId;
  if (kind === "reset") tell("anew");
  tell(kind, kind === "reset" ? null : JSON.parse(event.data));
}

/** The browser tries again by itself where a connection was lost, but not where it was refused. */
async function lost(opened) {
  if (opened !== source) return;
  become("connecting");
  met();
  if (opened.readyState !== EventSource.CLOSED) return;
  timer = setTimeout(connect, pause * (0.75 + Math.random() / 2));
  pause = Math.min(pause * 2, LONGEST_PAUSE);
  await whenRefused();
}

function rest() {
  if (!isWanted) return;
  clearTimeout(timer);
  if (!document.hidden) {
    if (!source || source.readyState === EventSource.CLOSED) connect();
    return;
  }
  timer = setTimeout(() => {
    close();
    become("resting");
  }, HIDDEN);
}
