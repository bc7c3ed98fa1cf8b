// The list of events: live while its beginning is shown, still while somebody reads.

import { get, query } from "./api.js";
import { announce } from "./announce.js";
import { button, fill, h, link } from "./dom.js";
import * as filters from "./filters.js";
import * as format from "./format.js";
import { Live, turns } from "./live.js";
import * as overview from "./overview.js";
import { href } from "./router.js";
import * as rows from "./rows.js";

const PAGE = 50;
/** Of what waits while somebody reads, at most so many are kept: nobody reads more, and the page may stand for days. */
const MOST = 500;
/** The cursor of the page before, by the cursor of a page, as far as this reader has come. */
const before = new Map();

export async function show(outlet, route, signal) {
  const body = h("div", {});
  fill(outlet, h("h1", { tabindex: "-1" }, "Events"), body);
  const turn = turns(signal);
  const update = ({ query: parameters }) => new List(filters.read(parameters), parameters.get("cursor") ?? "", turn()).open(body);
  await update(route);
  return update;
}

/** One page under one filter. */
class List {
  constructor(filter, cursor, signal) {
    Object.assign(this, { filter, cursor, signal, next: null, top: 0, isFull: false });
    /** What has arrived and is not shown, because somebody reads. */
    this.waiting = new Map();
    /** Ids that arrived where only the daemon can tell whether they belong here. */
    this.maybe = new Set();
    this.bar = h("div", { class: "bar", hidden: true });
    this.table = rows.events("Events, the latest first", []);
    this.body = this.table.tBodies[0];
    this.foot = h("div", { class: "pager" });
    this.said = h("div", {});
    this.live = new Live(signal, {
      ask: () => this.ask(this.cursor),
      put: (page) => this.put(page),
      take: { events: (message) => this.take(message) },
      said: this.said,
      // A search is repeated when somebody wants it: it may take long, and begins where it began.
      isRead: () => this.isRead() || this.maybe.size > 0,
      waits: () => this.settle(),
    });
    const settle = () => this.live.settle();
    for (const name of ["pointerleave", "focusout"]) this.table.addEventListener(name, () => setTimeout(settle));
    window.addEventListener("scroll", settle, { signal, passive: true });
  }

  async open(outlet) {
    const focused = document.activeElement?.id;
    fill(
      outlet,
      h("div", { class: "line" }, filters.statuses(this.filter, this.signal), bulk(this.filter, this.signal)),
      filters.form(this.filter, this.signal),
      this.bar, this.said, this.table, this.foot,
    );
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    await this.live.reload();
  }

  ask(cursor) {
    return get(`/api/v1/events${query({ ...this.filter, cursor, limit: PAGE })}`, this.signal);
  }

  /** Shows a page; rows that are there already stay, so that focus and eyes do. */
  put(page) {
    // What is newer than an older page goes on waiting.
    if (!this.cursor) this.waiting.clear();
    this.maybe.clear();
    this.isFull = false;
    this.top = page.events[0]?.id ?? this.top;
    const old = new Map([...this.body.rows].map((row) => [row.dataset.row, row]));
    const keep = (summary) => {
      const row = old.get(String(summary.id));
      if (!row) return rows.eventRow(summary);
      rows.update(row, summary);
      return row;
    };
    arrange(this.body, page.events.map(keep));
    this.end(page);
  }

  end(page) {
    this.next = page.next;
    const short = page.next !== null && page.searched_to && this.body.rows.length < PAGE;
    const back = before.get(this.cursor);
    if (page.next) before.set(page.next, this.cursor);
    const to = (cursor, text, id) => link(href(["events"], { ...this.filter, cursor }), text, { class: "button", id });
    fill(
      this.foot,
      this.body.rows.length === 0 && !page.next && h("p", { class: "empty" }, "No event matches."),
      short && h("p", { class: "note" }, "Searched back to ", format.time(page.searched_to.at), `, event #${page.searched_to.id}.`),
      h("div", { class: "buttons" },
        this.cursor && to("", "Newest", "newest"),
        this.cursor && back !== undefined && to(back, "Newer", "newer"),
        short ? button("Search on", () => this.searchOn(), { id: "search-on" }) : page.next && to(page.next, "Older", "older")),
    );
  }

  /** Looks further back, and adds what is found to what is shown. */
  async searchOn() {
    const on = document.getElementById("search-on");
    on.disabled = true;
    const put = (page) => {
      this.body.append(...page.events.filter(({ id }) => !this.find(id)).map(rows.eventRow));
      this.end(page);
      announce(`${format.plural(page.events.length, "more event")} found`);
    };
    if (await this.live.read(() => this.ask(this.next), put)) on.disabled = false;
  }

  find(id) {
    return this.body.querySelector(`[data-row="${Number(id)}"]`);
  }

  /** What the stream tells: rows that are shown change in their place, others wait for their turn. */
  take({ events }) {
    for (const summary of events) {
      const row = this.find(summary.id);
      if (row) rows.update(row, summary);
      else this.arrive(summary);
    }
    this.settle();
  }

  arrive(summary) {
    const passes = filters.passes(this.filter, summary);
    const isNew = summary.id > this.top;
    const last = Number(this.body.rows[this.body.rows.length - 1]?.dataset.row ?? 0);
    const here = isNew || (!this.cursor && (this.next === null || summary.id > last));
    const room = this.waiting.size + this.maybe.size < MOST || this.waiting.has(summary.id);
    if (passes === false || !here) this.waiting.delete(summary.id);
    else if (!room) this.isFull = true;
    else if (passes) this.waiting.set(summary.id, summary);
    else this.maybe.add(summary.id);
  }

  /** Shows what waits, unless somebody reads: then a bar says how much there is. */
  settle() {
    if (this.signal.aborted) return;
    if (!this.cursor && !this.isRead() && this.maybe.size === 0) this.insert();
    const count = this.waiting.size + this.maybe.size;
    const isBehind = this.live.isStale && this.isRead();
    this.bar.hidden = count === 0 && !isBehind;
    if (count > 0) this.tell(`${this.isFull || this.live.isStale ? "more than " : ""}${format.plural(count, "new event")}`);
    else if (isBehind) this.tell("Many events have changed");
  }

  /** Whether something would move under the pointer, the focus, or eyes that are further down. */
  isRead() {
    return window.scrollY > 0 || this.table.matches(":hover, :focus-within");
  }

  tell(news) {
    const text = `${news}: ${this.maybe.size > 0 ? "search again" : "show"}`;
    const shown = this.bar.querySelector("button");
    if (shown) shown.textContent = text;
    else fill(this.bar, button(text, () => this.toTop(), { "data-key": "n" }));
    announce(text);
  }

  toTop() {
    window.scrollTo(0, 0);
    const isNew = this.waiting.size + this.maybe.size > 0;
    if (this.cursor && isNew) location.hash = href(["events"], this.filter);
    else this.live.reload();
  }

  insert() {
    if (this.waiting.size === 0) return;
    const count = this.waiting.size;
    const latest = [...this.waiting.values()].sort((a, b) => b.id - a.id).slice(0, PAGE);
    const fresh = latest.map(rows.eventRow);
    this.waiting.clear();
    const all = [...this.body.rows, ...fresh].sort((a, b) => b.dataset.row - a.dataset.row);
    this.top = Math.max(this.top, Number(all[0].dataset.row));
    arrange(this.body, all.slice(0, Math.max(PAGE, this.body.rows.length)));
    // Not all that arrived was kept, or there is an older page now.
    if (this.isFull || (all.length > PAGE && this.next === null)) this.live.stale();
    this.foot.querySelector(".empty")?.remove();
    announce(`${format.plural(count, "new event")} in the list`);
  }
}

/** The way to act on all that match: those that have ended well leave nothing to do. */
function bulk(filter, signal) {
  const status = filter.status || "failed";
  if (!status.split(",").some((word) => ["failed", "pending"].includes(word))) return null;
  const text = filter.status ? "Act on all of these …" : "Act on all failed …";
  const way = link(href(["bulk"], { ...filter, status }), text, { class: "button", id: "bulk" });
  // Nothing is offered for nothing.
  if (!filter.status) overview.on(({ events }) => (way.hidden = events?.failed === 0), signal);
  return way;
}

/** Puts rows into a body in this order, without touching those that are in their place: moving one loses its focus. */
function arrange(body, wanted) {
  const kept = new Set(wanted);
  for (const row of [...body.rows]) if (!kept.has(row)) row.remove();
  wanted.forEach((row, index) => {
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
}
