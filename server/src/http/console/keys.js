// The keys as a tree, folder by folder as their names are parted by colons. They are found by SCAN, some thousands at a time.

import { attempt, button, dialog, element, field, note, nothing } from "./dom.js";
import { ask, askAll } from "./server.js";
import { create, TYPES } from "./types.js";
import { showKey } from "./value.js";
import { brief, count, shown } from "./words.js";

const PARTED_BY = ":";
/** The letters that types are known by. */
const LETTERS = { string: "S", hash: "H", list: "L", set: "∈", zset: "Z", stream: "X" };
/** So many keys are looked for at once. */
const KEYS_PER_LOAD = 2000;
/** So many lines of a folder are shown at once. */
const LINES_PER_FOLDER = 200;
const ORDER = new Intl.Collator("en", { numeric: true });

/** The page of keys. */
export function keysPage() {
  const found = { keys: new Map(), cursor: "0", kinds: new Map(), open: new Set(), shownLines: new Map(), total: 0 };
  const filter = element("input", {
    type: "search", id: "filter", placeholder: "Prefix or pattern  ( / )", "aria-label": "Prefix or pattern of keys",
    autocomplete: "off", spellcheck: false, onchange: () => attempt(restart),
  });
  const kind = element("select", { "aria-label": "Type of keys", onchange: () => attempt(restart) },
    element("option", { value: "" }, "All types"),
    ["string", ...Object.keys(TYPES)].map((name) => element("option", { value: name }, name)));
  const tree = element("ul", { role: "tree", "aria-label": "Keys", class: "tree" });
  const state = element("span", { class: "hint" });
  const more = button("More", () => attempt(load), { title: "Look for more keys" });
  const detail = element("section", { class: "detail", "aria-label": "Key" }, nothing("Choose a key on the left."));
  const page = element("div", { class: "keys" },
    element("section", { class: "browser", "aria-label": "Browser of keys" },
      element("div", { class: "search" }, filter, kind),
      tree,
      element("footer", {}, state, more, button("Reload", () => attempt(restart)), button("New key", () => newKey(), { class: "main" }))),
    detail);

  async function restart() {
    found.keys.clear();
    found.kinds.clear();
    found.shownLines.clear();
    found.cursor = "0";
    await load();
  }

  async function load() {
    const typed = filter.value.trim();
    const pattern = /[*?[]/.test(typed) ? typed : `${typed}*`;
    const options = ["MATCH", pattern, "COUNT", 1000, ...(kind.value ? ["TYPE", kind.value] : [])];
    const before = found.keys.size;
    found.total = await ask("DBSIZE");
    do {
      const [next, keys] = await ask("SCAN", found.cursor, ...options);
      found.cursor = String(next);
      for (const key of keys) found.keys.set(shown(key), key);
    } while (found.cursor !== "0" && found.keys.size - before < KEYS_PER_LOAD);
    render();
  }

  function render() {
    const focused = tree.contains(document.activeElement) ? document.activeElement.dataset.path : null;
    tree.replaceChildren(...lines(grown(found.keys), "", 1));
    if (!found.keys.size) tree.append(element("li", { role: "none", class: "nothing" }, "No keys."));
    const isWhole = found.cursor === "0";
    state.textContent = `${count(found.keys.size)}${isWhole ? "" : "+"} of ${count(found.total)}`;
    more.hidden = isWhole;
    const items = [...tree.querySelectorAll("[role=treeitem]")];
    const first = items.find((item) => item.dataset.path === focused) ?? items[0];
    if (first) first.tabIndex = 0;
    if (focused) first?.focus();
    attempt(askKinds);
  }

  /** The lines of a folder: folders, then keys. */
  function lines(folder, path, level) {
    const names = [...folder.folders.keys()].sort(ORDER.compare);
    const keys = folder.keys.toSorted((left, right) => ORDER.compare(left.name, right.name));
    const all = [...names.map((name) => ({ name, folder: folder.folders.get(name) })), ...keys];
    const limit = found.shownLines.get(path) ?? LINES_PER_FOLDER;
    const made = all.slice(0, limit).flatMap((line) =>
      line.folder ? folderLine(line, path + line.name + PARTED_BY, level) : keyLine(line, level));
    if (all.length > limit) {
      const rest = button(`${count(all.length - limit)} more`, () => {
        found.shownLines.set(path, limit + 5 * LINES_PER_FOLDER);
        render();
      }, { class: "link" });
      made.push(element("li", { role: "none", class: "rest" }, rest));
    }
    return made;
  }

  function folderLine({ name, folder }, path, level) {
    const isOpen = found.open.has(path);
    const toggle = () => {
      if (!found.open.delete(path)) found.open.add(path);
      render();
    };
    const line = item(path, level, toggle,
      element("span", { class: "arrow", "aria-hidden": "true" }, isOpen ? "▾" : "▸"),
      element("span", { class: "name" }, `${name}${PARTED_BY}`),
      element("span", { class: "number" }, count(folder.count)));
    line.setAttribute("aria-expanded", String(isOpen));
    line.classList.add("folder");
    if (!isOpen) return line;
    const inner = element("ul", { role: "group" }, lines(folder, path, level + 1));
    return [line, element("li", { role: "none" }, inner)];
  }

  function keyLine({ name, key, path }, level) {
    const known = found.kinds.get(path);
    const line = item(path, level, () => choose(key),
      element("span", { class: `badge ${known ?? ""}`, title: known ?? "" }, known ? letter(known) : "·"),
      element("span", { class: "name" }, name || "(empty)"));
    line.setAttribute("aria-selected", String(path === page.dataset.chosen));
    return line;
  }

  function item(path, level, act, ...children) {
    const line = element("li", { role: "treeitem", "aria-level": String(level), "data-path": path, tabIndex: -1, title: path }, children);
    line.style.paddingInlineStart = `${level * 18 - 12}px`;
    line.addEventListener("click", act);
    line.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") act();
      else if (!move(line, event.key)) return;
      event.preventDefault();
    });
    return line;
  }

  /** Moves from a line as keys say. */
  function move(line, key) {
    const items = [...tree.querySelectorAll("[role=treeitem]")];
    const at = items.indexOf(line);
    const level = Number(line.getAttribute("aria-level"));
    const expanded = line.getAttribute("aria-expanded");
    const above = () => items.slice(0, at).findLast((item) => Number(item.getAttribute("aria-level")) < level);
    const targets = {
      ArrowDown: () => items[at + 1],
      ArrowUp: () => items[at - 1],
      Home: () => items[0],
      End: () => items.at(-1),
      ArrowRight: () => expanded === "false" ? line.click() : items[at + 1],
      ArrowLeft: () => expanded === "true" ? line.click() : above(),
    };
    if (!targets[key]) return false;
    const target = targets[key]();
    if (target) {
      line.tabIndex = -1;
      target.tabIndex = 0;
      target.focus();
    }
    return true;
  }

  /** Asks for the types of the keys that are in sight. */
  async function askKinds() {
    const paths = [...tree.querySelectorAll("[role=treeitem]:not(.folder)")].map((line) => line.dataset.path);
    const unknown = paths.filter((path) => !found.kinds.has(path));
    if (!unknown.length) return;
    const replies = await askAll(unknown.map((path) => ["TYPE", found.keys.get(path)]));
    unknown.forEach((path, place) => found.kinds.set(path, replies[place].result ?? "?"));
    for (const line of tree.querySelectorAll("[role=treeitem]:not(.folder)")) {
      const name = found.kinds.get(line.dataset.path);
      const badge = line.querySelector(".badge");
      badge.className = `badge ${name}`;
      [badge.textContent, badge.title] = [letter(name), name];
    }
  }

  function choose(key) {
    page.dataset.chosen = shown(key);
    page.classList.add("chosen");
    for (const line of tree.querySelectorAll("[aria-selected]")) {
      line.setAttribute("aria-selected", String(line.dataset.path === shown(key)));
    }
    return attempt(() => showKey(detail, key, {
      gone: (key) => {
        found.keys.delete(shown(key));
        page.classList.remove("chosen");
        render();
      },
      renamed: (from, to) => {
        found.kinds.set(shown(to), found.kinds.get(shown(from)));
        found.keys.delete(shown(from));
        found.keys.set(shown(to), to);
        reveal(shown(to));
        choose(to);
      },
      back: () => page.classList.remove("chosen"),
    }));
  }

  /** Opens the folders that a key is in. */
  function reveal(path) {
    for (let at = path.indexOf(PARTED_BY); at >= 0; at = path.indexOf(PARTED_BY, at + 1)) {
      found.open.add(path.slice(0, at + 1));
    }
    render();
  }

  function newKey() {
    const type = element("select", { name: "kind" },
      ["string", ...Object.keys(TYPES)].map((name) => element("option", { value: name }, name)));
    const first = element("input", { name: "first", autocomplete: "off" });
    const firstField = field("Field", first);
    firstField.hidden = true;
    const value = element("textarea", { name: "value", rows: 3, spellcheck: false });
    type.addEventListener("change", () => {
      const columns = TYPES[type.value]?.columns ?? ["Value"];
      firstField.hidden = columns.length === 1 || ["Index", "Id"].includes(columns[0]);
      firstField.querySelector("span").textContent = columns[0];
      value.placeholder = TYPES[type.value]?.hint ?? "";
      value.closest("label").querySelector("span").textContent = columns.at(-1);
    });
    const name = element("input", { name: "name", required: true, autocomplete: "off", value: filter.value.replace(/[*?[].*/, "") });
    dialog("New key", [field("Name", name), field("Type", type), firstField, field("Value", value)], "Make", async (values) => {
      await create(values.kind, values.name, [values.first, values.value]);
      found.keys.set(values.name, values.name);
      found.total += 1;
      reveal(values.name);
      await choose(values.name);
      note(`${brief(values.name, 60)} is made.`);
    });
  }

  return { element: page, start: () => attempt(restart), stop: () => {}, open: choose };
}

function letter(kind) {
  return LETTERS[kind] ?? kind[0];
}

/** The tree of keys: each folder with its folders, its keys, and how many keys are in it in all. */
function grown(keys) {
  const root = { folders: new Map(), keys: [], count: 0 };
  for (const [path, key] of keys) {
    const parts = path.split(PARTED_BY);
    const name = parts.pop();
    let folder = root;
    for (const part of parts) {
      if (!folder.folders.has(part)) folder.folders.set(part, { folders: new Map(), keys: [], count: 0 });
      folder = folder.folders.get(part);
      folder.count += 1;
    }
    folder.keys.push({ name, key, path });
  }
  return root;
}
