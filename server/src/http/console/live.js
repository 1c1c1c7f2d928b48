// What goes on: requests, latency, memory and clients from second to second, and which commands and keys they are about.

import { attempt, button, drawing, element, nothing, row, table } from "./dom.js";
import { ask, askAll, chosenDatabase, fields, pairs } from "./server.js";
import { brief, count, size, span, time } from "./words.js";

const PERIOD_MS = 2000;
const SAMPLES = 120;
const [WIDTH, HEIGHT] = [240, 56];
/** So many keys are looked at for the hottest. */
const HOT_SAMPLE = 20_000;

/** What is drawn, and how a sample is made of the fields of INFO now and before. */
const CHARTS = [
  { name: "Requests", unit: (value) => `${count(value)}/s`, of: (now, before, seconds) => difference(now, before, "total_commands_processed") / seconds },
  { name: "Time per command", unit: time, of: meanUs },
  { name: "Memory", unit: size, of: (now) => Number(now.used_memory) },
  { name: "Clients", unit: count, of: (now) => Number(now.connected_clients) },
  { name: "Hits", unit: (value) => `${count(value)} %`, of: hits },
  { name: "Received", unit: (value) => `${size(value)}/s`, of: (now, before, seconds) => difference(now, before, "total_net_input_bytes") / seconds },
  { name: "Sent", unit: (value) => `${size(value)}/s`, of: (now, before, seconds) => difference(now, before, "total_net_output_bytes") / seconds },
  { name: "Keys", unit: count, of: (now) => keysIn(now) },
];

const difference = (now, before, name) => Number(now[name] ?? 0) - Number(before[name] ?? 0);

function hits(now, before) {
  const [found, missed] = [difference(now, before, "keyspace_hits"), difference(now, before, "keyspace_misses")];
  return found + missed ? 100 * found / (found + missed) : null;
}

function keysIn(now) {
  const databases = Object.entries(now).filter(([name]) => /^db[0-9]+$/.test(name));
  return databases.reduce((sum, [, value]) => sum + Number(pairs(value).keys), 0);
}

/** What commands were called since before: each with its calls and its microseconds. */
function called(now, before) {
  const names = Object.keys(now).filter((name) => name.startsWith("cmdstat_"));
  return names.map((name) => {
    const [is, was] = [pairs(now[name]), pairs(before[name] ?? "calls=0,usec=0")];
    return { name: name.slice("cmdstat_".length), calls: is.calls - was.calls, us: is.usec - was.usec };
  }).filter(({ calls }) => calls > 0);
}

function meanUs(now, before) {
  const all = called(now, before);
  const calls = all.reduce((sum, command) => sum + command.calls, 0);
  return calls ? all.reduce((sum, command) => sum + command.us, 0) / calls : null;
}

/** The page of what goes on. */
export function livePage(openKey) {
  const charts = CHARTS.map(chart);
  const facts = element("ul", { class: "facts" });
  const commands = element("div");
  const hot = element("div", {}, nothing("Keys are looked at when you ask."));
  const page = element("div", { class: "live" },
    facts,
    element("div", { class: "charts" }, charts.map(({ element }) => element)),
    element("h2", {}, "Commands"), commands,
    element("div", { class: "title" }, element("h2", {}, "Hot keys"), button("Look", () => attempt(() => showHot(hot, openKey)))),
    hot);
  let [timer, before, beforeMs] = [0, null, 0];

  async function look() {
    const now = fields(await ask("INFO", "everything"));
    const nowMs = performance.now();
    const seconds = (nowMs - beforeMs) / 1000;
    facts.replaceChildren(...shownFacts(now));
    if (before) {
      charts.forEach((chart) => chart.add(now, before, seconds));
      commands.replaceChildren(shownCommands(now, before, seconds));
    }
    [before, beforeMs] = [now, nowMs];
  }

  async function beat() {
    const isFine = document.hidden || await attempt(look);
    if (timer) timer = setTimeout(beat, isFine ? PERIOD_MS : 5 * PERIOD_MS);
  }

  return {
    element: page,
    start: () => {
      timer = 1;
      beat();
    },
    stop: () => {
      clearTimeout(timer);
      timer = 0;
    },
  };
}

function shownFacts(now) {
  const version = now.spinel_version ? `SpinelDB ${now.spinel_version}` : `version ${now.redis_version}`;
  const limit = Number(now.maxmemory) ? `of ${size(now.maxmemory)}` : "without a limit";
  const texts = [
    version, `up ${span(now.uptime_in_seconds)}`, `${size(now.used_memory)} ${limit}`,
    `${count(now.evicted_keys)} evicted`, `${count(now.expired_keys)} expired`,
    now.aof_enabled === "1" ? "log on disk" : `${count(now.rdb_changes_since_last_save)} changes unsaved`,
  ];
  return texts.map((text) => element("li", {}, text));
}

/** A figure with its course. */
function chart({ name, unit, of }) {
  const samples = [];
  const figure = element("strong", {}, "–");
  const range = element("span", { class: "hint" });
  const area = drawing("path", { class: "area" });
  const line = drawing("path", { class: "line" });
  const picture = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": name }, area, line);
  const add = (now, before, seconds) => {
    samples.push(of(now, before, seconds));
    if (samples.length > SAMPLES) samples.shift();
    const known = samples.filter((value) => value !== null);
    const last = samples.at(-1);
    figure.textContent = last === null ? "–" : unit(last);
    if (!known.length) return;
    const [low, high] = [Math.min(...known), Math.max(...known)];
    range.textContent = low === high ? "" : `${unit(low)} – ${unit(high)}`;
    const top = high || 1;
    const points = samples.map((value, place) => {
      const x = WIDTH - (samples.length - 1 - place) * WIDTH / (SAMPLES - 1);
      return `${x.toFixed(1)} ${(HEIGHT - 2 - (HEIGHT - 6) * (value ?? 0) / top).toFixed(1)}`;
    });
    line.setAttribute("d", `M${points.join("L")}`);
    area.setAttribute("d", `M${points[0].split(" ")[0]} ${HEIGHT}L${points.join("L")}L${WIDTH} ${HEIGHT}Z`);
  };
  return { add, element: element("figure", { class: "chart" }, element("figcaption", {}, name), figure, range, picture) };
}

function shownCommands(now, before, seconds) {
  const all = called(now, before).sort((left, right) => right.us - left.us).slice(0, 12);
  if (!all.length) return nothing("Nobody asks for anything.");
  const sum = all.reduce((sum, { us }) => sum + us, 0) || 1;
  const rows = all.map(({ name, calls, us }) => {
    const slow = pairs(now[`latency_percentiles_usec_${name}`] ?? "p50=,p99=,p99.9=");
    const known = (value) => value ? time(Number(value)) : "–";
    const cells = [name.replace("|", " "), `${count(calls / seconds)}/s`, time(us / calls), `${count(100 * us / sum)} %`];
    return row([...cells, known(slow.p50), known(slow.p99), known(slow["p99.9"])]);
  });
  return table(["Command", "Calls", "Mean", "Of the time", "p50", "p99", "p99.9"], rows, { class: "numbers" });
}

/** Shows the keys that are used most: as the server has sampled them, or, where it hasn't, as an LFU policy counts. */
async function showHot(place, openKey) {
  const told = await ask("HOTKEYS", "GET").catch((error) => {
    if (error.code === "ERR") return null;
    throw error;
  });
  // While something is collected, its sums are told instead.
  if (told?.length && !("key" in told[0])) place.replaceChildren(shownSums(told[0], openKey));
  else if (told) place.replaceChildren(shownRates(told, openKey));
  else await showFrequent(place, openKey);
}

const link = (key, openKey) => button(brief(key), () => openKey(key), { class: "link" });

function shownRates(told, openKey) {
  if (!told.length) return nothing("No key was used often in the last seconds.");
  const rows = told.map(({ key, db, qps }) =>
    row([db === chosenDatabase() ? link(key, openKey) : brief(key), count(db), `${count(qps)}/s`]));
  return table(["Key", "DB", "Use"], rows, { class: "numbers" });
}

function shownSums(told, openKey) {
  const [times, bytes] = ["by-cpu-time-us", "by-net-bytes"].map((name) => {
    const sums = told[name] ?? [];
    return new Map(sums.flatMap((key, at) => at % 2 ? [] : [[key, sums[at + 1]]]));
  });
  const keys = [...new Set([...times.keys(), ...bytes.keys()])];
  const rows = keys.map((key) => row([
    link(key, openKey), times.has(key) ? time(times.get(key)) : "–", bytes.has(key) ? size(bytes.get(key)) : "–",
  ]));
  return rows.length ? table(["Key", "Time", "Traffic"], rows, { class: "numbers" }) : nothing("Nothing has been collected.");
}

/** Shows the keys of a sample that are used most, as an LFU policy counts it. */
async function showFrequent(place, openKey) {
  const policy = (await ask("CONFIG", "GET", "maxmemory-policy"))["maxmemory-policy"] ?? "";
  if (!policy.includes("lfu")) {
    place.replaceChildren(nothing(`Hot keys are known with hotkey-top-k above 0, or with maxmemory-policy allkeys-lfu or volatile-lfu; now it is ${policy}.`));
    return;
  }
  const [counted, seen] = [[], new Set()];
  let cursor = "0";
  do {
    const [next, keys] = await ask("SCAN", cursor, "COUNT", 1000);
    cursor = String(next);
    const replies = await askAll(keys.map((key) => ["OBJECT", "FREQ", key]));
    keys.forEach((key, at) => {
      const name = JSON.stringify(key);
      if (!seen.has(name) && replies[at].result > 0) counted.push({ key, uses: replies[at].result });
      seen.add(name);
    });
  } while (cursor !== "0" && seen.size < HOT_SAMPLE);
  counted.sort((left, right) => right.uses - left.uses);
  const rows = counted.slice(0, 20).map(({ key, uses }) =>
    row([link(key, openKey), count(uses)]));
  place.replaceChildren(
    nothing(`${count(seen.size)} keys were looked at${cursor === "0" ? ", which are all" : ""}.`),
    table(["Key", "Use, 0 to 255"], rows, { class: "numbers" }));
}
