// Commands, written by hand: completed and explained by what the server says of them, with a history that ends with the page.

import { element } from "./dom.js";
import { ask } from "./server.js";
import { formatted, shown, split } from "./words.js";

const LINES_MAX = 200;
const CHOICES_MAX = 12;
/** What is asked twice. */
const HARMFUL = new Set(["flushall", "flushdb", "shutdown", "swapdb", "debug", "script flush", "function flush", "config resetstat", "failover"]);

/** The page of commands. `chosen` is told when a database is chosen. */
export function promptPage(chosen) {
  const output = element("ol", { class: "output", "aria-label": "Replies", "aria-live": "polite" });
  const input = element("input", {
    class: "line", "aria-label": "Command", placeholder: "GET user:1", autocomplete: "off", autocapitalize: "off", spellcheck: false,
    role: "combobox", "aria-expanded": "false", "aria-controls": "choices", "aria-autocomplete": "list",
  });
  const choices = element("ul", { id: "choices", role: "listbox", "aria-label": "Completions" });
  const hint = element("p", { class: "usage" });
  const page = element("div", { class: "prompt" }, output,
    element("form", { class: "ask", onsubmit: submit }, choices, hint,
      element("span", { class: "mark", "aria-hidden": "true" }, "›"), input,
      element("button", { type: "submit", class: "main" }, "Run")));
  const history = [];
  let [at, draft, docs, marked, unsure] = [0, "", new Map(), -1, null];

  async function submit(event) {
    event.preventDefault();
    const line = input.value.trim();
    if (marked >= 0) return complete(choices.children[marked].textContent);
    if (!line) return;
    let words;
    try {
      words = split(line);
    } catch (error) {
      return tell(error.message);
    }
    const [name, pair] = [shown(words[0]).toLowerCase(), words.slice(0, 2).map(shown).join(" ").toLowerCase()];
    if ((HARMFUL.has(name) || HARMFUL.has(pair)) && unsure !== line) {
      unsure = line;
      return tell("This can do harm. Run it once more to do it.");
    }
    unsure = null;
    if (history.at(-1) !== line) history.push(line);
    [at, input.value] = [history.length, ""];
    show();
    await run(line, words, name);
  }

  async function run(line, words, name) {
    const reply = element("pre", {}, "…");
    const entry = element("li", {}, element("div", { class: "asked" }, line), reply);
    output.append(entry);
    while (output.children.length > LINES_MAX) output.firstChild.remove();
    const started = performance.now();
    try {
      reply.textContent = formatted(await ask(...words));
      if (name === "select") chosen(Number(words[1]));
    } catch (error) {
      reply.textContent = `(error) ${error.message}`;
      entry.classList.add("failed");
    }
    const took = (performance.now() - started).toFixed(1);
    entry.firstChild.append(element("span", { class: "hint" }, `${took} ms`));
    output.scrollTop = output.scrollHeight;
  }

  function tell(text) {
    hint.textContent = text;
    hint.classList.add("warning");
  }

  /** Shows how a line can go on, and the usage of its command. */
  function show() {
    hint.classList.remove("warning");
    const typed = input.value.trimStart().toLowerCase();
    const found = typed ? [...docs.keys()].filter((name) => name.startsWith(typed) && name !== typed.trimEnd()) : [];
    marked = -1;
    choices.replaceChildren(...found.slice(0, CHOICES_MAX).map((name) => element("li", {
      role: "option",
      onpointerdown: (event) => {
        event.preventDefault();
        complete(name.toUpperCase());
      },
    }, name.toUpperCase())));
    input.setAttribute("aria-expanded", String(found.length > 0));
    const named = [...docs.keys()].filter((name) => typed === name || typed.startsWith(`${name} `));
    const about = docs.get(named.sort((left, right) => right.length - left.length)[0]);
    hint.replaceChildren(...(about ? [element("code", {}, about.usage), ` ${about.summary}`] : []));
  }

  function complete(name) {
    input.value = `${name} `;
    show();
    input.focus();
  }

  function mark(step) {
    const all = [...choices.children];
    if (!all.length) return;
    marked = (marked + step + all.length + (marked < 0 && step < 0 ? 1 : 0)) % all.length;
    all.forEach((choice, place) => choice.setAttribute("aria-selected", String(place === marked)));
  }

  function recall(step) {
    if (at === history.length) draft = input.value;
    at = Math.max(0, Math.min(history.length, at + step));
    input.value = history[at] ?? draft;
    show();
  }

  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    const isOpen = choices.children.length > 0;
    const acts = {
      Tab: isOpen && !event.shiftKey && (() => complete(choices.children[Math.max(marked, 0)].textContent)),
      ArrowDown: () => isOpen ? mark(1) : recall(1),
      ArrowUp: () => isOpen && marked >= 0 ? mark(-1) : recall(-1),
      Escape: isOpen && (() => {
        marked = -1;
        choices.replaceChildren();
      }),
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });

  async function start() {
    input.focus();
    if (docs.size) return;
    try {
      docs = described(await ask("COMMAND", "DOCS"));
      // Who is fast has begun to write.
      show();
    } catch {
      // Who may not ask writes without help.
    }
  }

  return { element: page, start, stop: () => {} };
}

/** Usage and summary by name, those of subcommands too. */
function described(all) {
  const docs = new Map();
  const add = (name, about) => {
    const words = name.replace("|", " ");
    const usage = [words.toUpperCase(), ...(about.arguments ?? []).map(argument)].join(" ");
    docs.set(words, { usage, summary: about.summary ?? "" });
    for (const [inner, more] of Object.entries(about.subcommands ?? {})) add(inner, more);
  };
  for (const [name, about] of Object.entries(all).sort(([left], [right]) => left < right ? -1 : 1)) add(name, about);
  return docs;
}

/** An argument as usage lines write it. */
function argument({ name, type, token, flags = [], arguments: parts = [] }) {
  const inner = {
    "pure-token": () => "",
    oneof: () => parts.map(argument).join(" | "),
    block: () => parts.map(argument).join(" "),
  }[type] ?? (() => name);
  let text = inner();
  if (flags.includes("multiple")) text = flags.includes("multiple_token") ? `${text} [${token} ${text} …]` : `${text} [${text} …]`;
  if (token) text = `${token === '""' ? "" : token} ${text}`.trim();
  if (type === "oneof" && !flags.includes("optional")) text = `<${text}>`;
  return flags.includes("optional") ? `[${text}]` : text;
}
