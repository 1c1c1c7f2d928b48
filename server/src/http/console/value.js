// One key: what it is, when it expires, and its value to look at and to change.

import { attempt, button, dialog, element, field, note, nothing, row, sureButton, table } from "./dom.js";
import { ask, doAll, ServerError } from "./server.js";
import { facts, TYPES } from "./types.js";
import { brief, count, isEscaped, shown, size, span, written } from "./words.js";

/** Larger strings are shown in part, and not edited. */
const STRING_BYTES_MAX = 256 * 1024;

/** Shows a key in `place`. `gone` is called when it is removed, `renamed` when it has another name. */
export async function showKey(place, key, { gone, renamed, back }) {
  const again = () => showKey(place, key, { gone, renamed, back });
  const about = await facts(key);
  if (about.kind === "none") {
    gone(key);
    place.replaceChildren(nothing("There is no such key any more."));
    return;
  }
  const head = element("header", { class: "key-head" },
    button("‹", back, { class: "back", "aria-label": "Back to the keys" }),
    element("h2", { title: shown(key) }, shown(key)),
    element("div", { class: "actions" },
      button("Reload", again),
      button("Rename", () => rename(key, renamed)),
      sureButton("Delete", () => attempt(async () => {
        await ask("UNLINK", key);
        gone(key);
        place.replaceChildren(nothing("The key is deleted."));
        note(`${brief(key, 60)} is deleted.`);
      }))),
    element("ul", { class: "facts" },
      element("li", { class: `kind ${about.kind}` }, about.kind),
      about.encoding && element("li", {}, about.encoding),
      about.bytes !== null && element("li", {}, size(about.bytes)),
      element("li", {}, expiry(key, about.ttlMs, again))));
  const body = element("div", { class: "key-body" });
  if (about.kind === "string") await showString(body, key, again);
  else if (TYPES[about.kind]) await showRows(body, key, TYPES[about.kind], again);
  else body.append(nothing(`A value of the type ${about.kind} is for commands: see Commands.`));
  place.replaceChildren(head, body);
}

function rename(key, renamed) {
  const name = element("input", { name: "name", value: shown(key), required: true, autocomplete: "off" });
  dialog("Rename the key", field("New name", name), "Rename", async (values) => {
    const to = written(values.name, key);
    if (await ask("RENAMENX", key, to) === 0) throw new ServerError("BUSYKEY", "There is such a key.", 200);
    renamed(key, to);
  });
}

/** When a key expires, as a button that changes it. */
function expiry(key, ttlMs, again) {
  const text = ttlMs < 0 ? "never expires" : `expires in ${span(ttlMs / 1000)}`;
  return button(text, () => {
    const seconds = ttlMs < 0 ? "" : String(Math.ceil(ttlMs / 1000));
    const input = element("input", { name: "ttl", inputmode: "numeric", pattern: "[0-9]*", value: seconds, autocomplete: "off" });
    dialog("When the key expires", field("Seconds from now; nothing for never", input), "Set", async ({ ttl }) => {
      await (ttl ? ask("EXPIRE", key, ttl) : ask("PERSIST", key));
      again();
    });
  }, { class: "link", title: "Change when it expires" });
}

async function showString(body, key, again) {
  const [length] = await doAll([["STRLEN", key]]);
  if (length > STRING_BYTES_MAX) {
    const start = await ask("GETRANGE", key, 0, STRING_BYTES_MAX - 1);
    body.append(
      nothing(`${count(length)} bytes; the first ${size(STRING_BYTES_MAX)} of them are shown.`),
      element("textarea", { class: "text", readOnly: true, value: shown(start), "aria-label": "Value" }));
    return;
  }
  const [value, digest] = await doAll([["GET", key], ["DIGEST", key]]);
  const text = element("textarea", { class: "text", spellcheck: false, value: shown(value), "aria-label": "Value" });
  const save = button("Save", () => attempt(async () => {
    // Who has changed it meanwhile keeps his change.
    const reply = await ask("SET", key, written(text.value, value), "KEEPTTL", "IFDEQ", digest);
    if (reply === null) throw new ServerError("CHANGED", "The value has changed meanwhile; reload it.", 200);
    note("The value is saved.");
    again();
  }), { class: "main", disabled: true, title: "Ctrl+Enter" });
  text.addEventListener("input", () => { save.disabled = text.value === shown(value); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !save.disabled) save.click();
  });
  const pretty = indented(text.value);
  body.append(
    element("div", { class: "actions" },
      element("span", { class: "hint" }, isEscaped(value) ? `${count(length)} bytes, as \\x00 where they are no text` : `${count(length)} bytes`),
      pretty && button("Indent JSON", () => {
        text.value = pretty;
        text.dispatchEvent(new Event("input"));
      }),
      save),
    text);
}

/** JSON with a line for each part; nothing if a text is none, or has numbers that would lose digits. */
function indented(text) {
  try {
    const value = JSON.parse(text);
    const pretty = JSON.stringify(value, null, 2);
    const isExact = JSON.stringify(value).length === text.replace(/\s/g, "").length || JSON.stringify(value) === text;
    return typeof value === "object" && value && isExact && pretty !== text ? pretty : null;
  } catch {
    return null;
  }
}

async function showRows(body, key, type, again) {
  const length = await ask(type.length, key);
  const lines = table([...type.columns, ""], []);
  const rows = lines.querySelector("tbody");
  const more = button("Show more", () => attempt(load), { class: "more" });
  let [next, pattern] = [null, ""];
  async function load() {
    const page = await type.page(key, next, pattern);
    rows.append(...page.rows.map((cells) => shownRow(key, type, cells, again)));
    next = page.next;
    more.hidden = next === null;
  }
  const filter = type.filter && element("input", {
    type: "search", placeholder: "Filter", "aria-label": "Filter", autocomplete: "off",
    onchange: (event) => attempt(async () => {
      [next, pattern] = [null, event.target.value];
      rows.replaceChildren();
      await load();
    }),
  });
  await load();
  body.append(
    element("div", { class: "actions" },
      element("span", { class: "hint" }, `${count(length)} ${length === 1 ? "entry" : "entries"}`),
      filter,
      button("Add", () => addRow(key, type, again), { class: "main" })),
    lines, more);
  if (type.more) await showMore(body, await type.more(key));
}

function showMore(body, { title, columns, rows }) {
  if (rows.length) body.append(element("h3", {}, title), table(columns, rows.map((cells) => row(cells.map(shown)))));
}

/** A cell of a row: a word, or the fields of an entry. */
function cell(value) {
  if (!Array.isArray(value)) return element("span", { class: "word", title: brief(value, 2000) }, brief(value));
  const parts = [];
  for (let at = 0; at < value.length; at += 2) {
    parts.push(element("dt", {}, brief(value[at])), element("dd", {}, brief(value[at + 1])));
  }
  return element("dl", {}, parts);
}

function shownRow(key, type, cells, again) {
  const tools = element("div", { class: "tools" });
  const made = row([...cells.map(cell), tools]);
  if (type.editable.includes(true)) tools.append(button("Edit", () => editRow(made, key, type, cells, again)));
  tools.append(sureButton("Remove", () => attempt(async () => {
    await type.remove(key, cells);
    made.remove();
    if (!made.isConnected && !(await ask("EXISTS", key))) again();
  })));
  return made;
}

/** A text to edit, which grows with what is in it. */
function editor(value, label) {
  const text = shown(value);
  const made = element("textarea", { value: text, "aria-label": label, spellcheck: false, rows: 1 });
  made.rows = Math.min(text.split("\n").length, 12);
  return made;
}

function editRow(line, key, type, cells, again) {
  const inputs = cells.map((value, place) => type.editable[place] ? editor(value, type.columns[place]) : cell(value));
  const cancel = () => made.replaceWith(line);
  const save = () => attempt(async () => {
    const words = cells.map((value, place) => type.editable[place] ? written(inputs[place].value, value) : value);
    await type.set(key, cells, words);
    made.replaceWith(shownRow(key, type, words, again));
  });
  const tools = element("div", { class: "tools" }, button("Save", save, { class: "main" }), button("Cancel", cancel));
  const made = row([...inputs, tools], { class: "editing" });
  made.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
    if (event.key === "Enter" && !event.shiftKey && event.target.tagName === "TEXTAREA") {
      event.preventDefault();
      save();
    }
  });
  line.replaceWith(made);
  inputs.find((_, place) => type.editable[place]).focus();
}

function addRow(key, type, again) {
  const named = type.columns.map((column, place) => [column, place]).filter(([column]) => !["Index", "Id"].includes(column));
  const fields = named.map(([column, place]) =>
    field(column, element("textarea", { name: `cell${place}`, rows: 1, placeholder: type.hint ?? "", spellcheck: false })));
  if (type.ends) {
    fields.push(field("Where", element("select", { name: "end" },
      element("option", { value: "RPUSH" }, "at the end"), element("option", { value: "LPUSH" }, "at the start"))));
  }
  dialog("Add an entry", fields, "Add", async (values) => {
    const words = type.columns.map((_, place) => values[`cell${place}`] ?? null);
    await type.add(key, words, values.end);
    again();
  });
}
