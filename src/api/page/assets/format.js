// How things look as text: times, spans, numbers, statuses, documents.

import { h } from "./dom.js";

const ICONS = { completed: "✓", pending: "◔", failed: "✕", ignored: "–", unknown: "?" };

/** The statuses in the order in which people look at them. */
export const STATUSES = ["pending", "failed", "completed", "ignored"];

/** A status in its colour, with a sign and its word: colour alone tells nobody who cannot see it. */
export function status(word) {
  const known = word in ICONS ? word : "unknown";
  return h("span", { class: `status ${known}` }, h("span", { "aria-hidden": "true" }, ICONS[known]), word);
}

/** Any other state in the colour of a status: `good`, `busy`, `bad` or `idle`. */
export function badge(word, mood) {
  const as = { good: "completed", busy: "pending", bad: "failed", idle: "ignored" }[mood];
  return h("span", { class: `status ${as}` }, h("span", { "aria-hidden": "true" }, ICONS[as]), word);
}

const two = (number) => String(number).padStart(2, "0");
const day = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

function zone(date) {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** The full local time of seconds of the epoch, with its distance from UTC. */
export function fullTime(seconds) {
  const date = new Date(seconds * 1000);
  const fraction = String(date.getMilliseconds()).padStart(3, "0");
  return `${day(date)} ${clock(date)}.${fraction} ${zone(date)}`;
}

/** Local time of seconds of the epoch; the date only where it is not today's. The whole of it is in the title. */
export function time(seconds) {
  if (seconds === null || seconds === undefined) return null;
  const date = new Date(seconds * 1000);
  const today = day(date) === day(new Date());
  const text = today ? clock(date) : `${day(date)} ${clock(date)}`;
  return h("time", { datetime: date.toISOString(), title: fullTime(seconds) }, text);
}

/** Seconds as a span that is read at a glance, such as `3 h 12 min`. */
export function span(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([, size]) => rest >= size);
  if (first < 0) return "0 s";
  const parts = units.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count} ${name}` : "";
  });
  return parts.filter(Boolean).join(" ");
}

/** A count with its thousands apart. */
export function number(count) {
  return count === null || count === undefined ? "–" : count.toLocaleString("en").replaceAll(",", "\u202f");
}

/** Where a long name may be broken: between its words, and after what parts an address. */
const JOINTS = /(?<=[@._/?&=-])|(?<=[a-z\d])(?=[A-Z])/;

/** A name that is broken at its joints where a line has no room for it; one of other letters than ASCII as it is. */
export function name(text) {
  if (!/^[ -~]+$/.test(text ?? "")) return text;
  return text.split(JOINTS).flatMap((part, index) => (index === 0 ? part : [h("wbr"), part]));
}

/** Bytes in the largest unit that leaves a number above one. */
export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(count, 1)) / 10));
  const scaled = count / 1024 ** power;
  return `${scaled.toFixed(power > 0 && scaled < 10 ? 1 : 0)} ${units[power]}`;
}

/** `1 event`, `2 events`. */
export function plural(count, one, many = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** Documents above this size are shown as they are: a browser with a million lines helps nobody. */
const LARGEST = 400_000;

/** XML with a line and a depth for each element, the document in its CDATA as well; what is no XML comes back as it was. */
export function pretty(xml) {
  if (xml.length > LARGEST) return xml;
  const lines = [];
  layOut(xml, 0, lines);
  return lines.join("\n");
}

function layOut(xml, base, lines) {
  let depth = base;
  const put = (text) => lines.push("  ".repeat(Math.max(depth, 0)) + text);
  for (const token of tokens(xml)) {
    if (token.startsWith("<![CDATA[")) {
      put("<![CDATA[");
      layOut(token.slice(9, -3), depth + 1, lines);
      put("]]>");
    } else if (token.startsWith("</")) {
      depth -= 1;
      put(token);
    } else {
      put(token);
      if (/^<[^?!/]/.test(token) && !token.endsWith("/>") && !token.includes("</")) depth += 1;
    }
  }
}

/** Elements with nothing but text are one token with it. */
function tokens(xml) {
  const pattern = /<!\[CDATA\[[\s\S]*?\]\]>|<([^\s<>/?!]+)(?:\s[^<>]*)?>[^<]*<\/\1\s*>|<[^>]*>|[^<]+|</g;
  return Array.from(xml.matchAll(pattern), ([token]) => token.trim()).filter(Boolean);
}
