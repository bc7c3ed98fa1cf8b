// Keeps what a view shows true to the daemon, whenever something changes.
//
// The stream tells of a change once it is stored, so an answer that is asked for after the message knows of it. One that
// was asked for before may not: what the stream tells meanwhile is kept, and taken on top of it. A change that is told of
// before the stream is connected is in the answer that is asked for then.

import { isLeft, isPassing } from "./api.js";
import { button, failure, fill, h, paced } from "./dom.js";
import * as stream from "./stream.js";

/** Messages that are kept during one load; where more arrive it is loaded once more instead. */
const KEPT = 20;
/** Until a load is tried again that failed of something that passes, in milliseconds. */
const RETRY = 3_000;

/** What a view shows of the daemon, from its first load until its signal. */
export class Live {
  /**
   * `ask()` fetches an answer, `put(answer)` shows it. `take` has for each kind of message what becomes of it: true says that
   * only another answer can tell. `said` is where it is told that none could be had. Loads that messages ask for are at
   * least `pace` milliseconds apart and wait while `isRead()`: nothing moves under somebody's pointer or focus, by default in
   * the element `held`. `waits(flag)` hears whether one does; by default `bar` tells.
   */
  constructor(signal, { ask, put, take = {}, said = null, pace = 2_000, held = null, isRead, waits }) {
    Object.assign(this, { signal, ask, put, take, said, held, isLoaded: false, isStale: false });
    this.isRead = isRead ?? (() => held?.matches(":hover, :focus-within") ?? false);
    this.bar = h("div", { class: "bar", hidden: true }, button("Something has changed: show", () => this.reload()));
    this.waits = waits ?? ((flag) => (this.bar.hidden = !flag));
    /** What the stream has told during a load, as [kind, message]; null where there is none under way. */
    this.kept = null;
    /** The load that has not begun yet, and the last of those that are to come. */
    this.next = null;
    this.last = Promise.resolve();
    this.soon = paced(pace, signal, () => this.isStale && !this.isRead() && this.reload());
    stream.on("anew", () => this.reload(), signal);
    for (const kind of Object.keys(take)) stream.on(kind, (message) => this.hear(kind, message), signal);
    for (const name of ["pointerleave", "focusout"]) held?.addEventListener(name, () => setTimeout(() => this.settle()), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** The first load; throws where there is nothing to show, and never will be. */
  async open() {
    const problem = await this.reload();
    if (problem && !isPassing(problem)) throw problem;
  }

  /** Loads anew; resolves to what went wrong, or null. Calls that come before it begins share it. */
  reload() {
    const ask = () => {
      clearTimeout(this.timer);
      this.next = null;
      this.isStale = false;
      return this.ask();
    };
    const put = (answer) => {
      this.put(answer);
      this.isLoaded = true;
    };
    this.next ??= this.read(ask, put).then((problem) => this.after(problem));
    return this.next;
  }

  after(problem) {
    this.isStale ||= problem !== null;
    if (problem && isPassing(problem) && !this.signal.aborted) this.timer = setTimeout(() => this.reload(), RETRY);
    if (!problem) this.settle();
    return problem;
  }

  /** Asks for something and puts it into what is shown, one answer after the other; resolves to what went wrong, or null. */
  read(ask, put) {
    const turn = () => this.turn(ask, put);
    this.last = this.last.then(turn, turn);
    return this.last;
  }

  async turn(ask, put) {
    this.kept = [];
    const problem = await this.answer(ask, put);
    const kept = this.kept;
    this.kept = null;
    if (this.signal.aborted) return problem;
    this.tell(problem);
    for (const [kind, message] of kept) this.hear(kind, message);
    return problem;
  }

  /** Nothing but the failure stands where nothing was loaded: what is there is of another query. */
  tell(problem) {
    if (problem && isLeft(problem)) return;
    if (this.said) fill(this.said, problem && failure(problem));
    if (problem && !this.isLoaded && this.held) fill(this.held);
  }

  async answer(ask, put) {
    try {
      this.signal.throwIfAborted();
      const answer = await ask();
      this.signal.throwIfAborted();
      put(answer);
      return null;
    } catch (problem) {
      return problem;
    }
  }

  hear(kind, message) {
    if (this.kept) this.keep(kind, message);
    else if (!this.isLoaded) this.isStale = true;
    else if (this.take[kind](message) || message.skipped > 0) this.stale();
  }

  keep(kind, message) {
    if (this.kept.length < KEPT) this.kept.push([kind, message]);
    else this.reload();
  }

  /** What is shown may be old: it is loaded anew as soon as that disturbs nobody. */
  stale() {
    this.isStale = true;
    this.settle();
  }

  /** Somebody may have stopped reading, or begun. */
  settle() {
    if (this.signal.aborted) return;
    if (this.isStale && !this.isRead()) this.soon();
    this.waits(this.isStale && this.isRead());
  }
}

/** Each call gives a signal and aborts the one before: a place under another query is another place. */
export function turns(signal) {
  let turn = new AbortController();
  signal.addEventListener("abort", () => turn.abort());
  return () => {
    turn.abort();
    turn = new AbortController();
    if (signal.aborted) turn.abort();
    return turn.signal;
  };
}
