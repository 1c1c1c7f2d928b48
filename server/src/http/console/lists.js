// Clients, slow commands and settings: tables that are asked for when they are looked at.

import { attempt, button, element, note, nothing, row, sureButton, table } from "./dom.js";
import { ask, doAll, pairs } from "./server.js";
import { brief, count, shown, size, span, time } from "./words.js";

/** A page of one table. `fill` returns what it holds; `tools` stand beside its title. */
function page(title, fill, ...tools) {
  const filter = element("input", { type: "search", placeholder: "Filter", "aria-label": `Filter ${title}`, autocomplete: "off" });
  const content = element("div");
  const load = () => attempt(async () => content.replaceChildren(await fill(load)));
  filter.addEventListener("input", narrow);
  new MutationObserver(narrow).observe(content, { childList: true });
  function narrow() {
    const wanted = filter.value.toLowerCase();
    for (const line of content.querySelectorAll("tbody tr")) {
      line.hidden = !line.textContent.toLowerCase().includes(wanted);
    }
  }
  const made = element("div", { class: "list" },
    element("div", { class: "title" }, element("h2", {}, title), filter, button("Reload", load), tools),
    content);
  return { element: made, start: load, stop: () => content.replaceChildren() };
}

export function clientsPage() {
  return page("Clients", async (again) => {
    // Both in one request, which is one client.
    const [own, list] = await doAll([["CLIENT", "ID"], ["CLIENT", "LIST"]]);
    const lines = list.trim().split("\n").map((line) => pairs(line, " "));
    const rows = lines.map((client) => {
      const kill = sureButton("Kill", () => attempt(async () => {
        await ask("CLIENT", "KILL", "ID", client.id);
        again();
      }));
      const isOwn = client.id === String(own);
      return row([
        client.id, client.addr, client.name || "–", client.user, client.db, client.cmd.replace("|", " "),
        span(client.age), span(client.idle), size(client["tot-mem"]), size(client.omem), isOwn ? "this page" : kill,
      ]);
    });
    const columns = ["Id", "Address", "Name", "User", "DB", "Last command", "Age", "Idle", "Memory", "Unsent", ""];
    return table(columns, rows);
  });
}

export function slowPage() {
  const clear = sureButton("Clear", () => attempt(async () => {
    await ask("SLOWLOG", "RESET");
    await made.start();
  }));
  const made = page("Slow commands", async () => {
    const notes = await ask("SLOWLOG", "GET", 200);
    if (!notes.length) return nothing("Nothing was slow: see the settings slowlog-log-slower-than and slowlog-max-len.");
    const rows = notes.map(([id, seconds, us, words, address, name]) => row([
      String(id), new Date(seconds * 1000).toLocaleString(), time(us), element("code", {}, words.map((word) => brief(word, 120)).join(" ")),
      address, name || "–",
    ]));
    return table(["Id", "When", "Took", "Command", "Client", "Name"], rows);
  }, clear);
  return made;
}

export function settingsPage() {
  const write = button("Write to the file", () => attempt(async () => {
    await ask("CONFIG", "REWRITE");
    note("The file of settings is written.");
  }), { title: "CONFIG REWRITE" });
  return page("Settings", async () => {
    const settings = Object.entries(await ask("CONFIG", "GET", "*")).sort(([left], [right]) => left < right ? -1 : 1);
    return table(["Name", "Value", ""], settings.map(([name, value]) => setting(name, value)), { class: "settings" });
  }, write);
}

function setting(name, value) {
  const text = element("span", { class: "word" }, shown(value));
  const edit = button("Edit", () => {
    const input = element("input", { value: shown(value), "aria-label": name, autocomplete: "off", spellcheck: false });
    const cancel = () => form.closest("tr").replaceWith(setting(name, value));
    const form = element("form", {
      class: "inline",
      onsubmit: (event) => {
        event.preventDefault();
        attempt(async () => {
          await ask("CONFIG", "SET", name, input.value);
          const now = (await ask("CONFIG", "GET", name))[name];
          form.closest("tr").replaceWith(setting(name, now));
          note(`${name} is ${brief(now, 60) || "empty"}.`);
        });
      },
    }, input, element("button", { type: "submit", class: "main" }, "Set"), button("Cancel", cancel));
    form.addEventListener("keydown", (event) => event.key === "Escape" && cancel());
    text.replaceWith(form);
    edit.hidden = true;
    input.focus();
  });
  return row([element("code", {}, name), text, edit]);
}

/** How many keys each database has, by number; of as many databases as there are. */
export async function databases() {
  const info = await ask("INFO", "keyspace");
  const keys = new Map([...info.matchAll(/^db([0-9]+):keys=([0-9]+)/gm)].map(([, number, keys]) => [Number(number), Number(keys)]));
  let number = 16;
  try {
    number = Number((await ask("CONFIG", "GET", "databases")).databases);
  } catch {
    // Who may not ask sees the usual number.
  }
  return Array.from({ length: number }, (_, place) => [place, keys.get(place) ?? 0])
    .map(([place, keys]) => ({ number: place, text: keys ? `DB ${place} · ${count(keys)}` : `DB ${place}` }));
}
