// The console: who is in, and which page is shown.

import { attempt, button, element, field, note } from "./dom.js";
import { keysPage } from "./keys.js";
import { clientsPage, databases, settingsPage, slowPage } from "./lists.js";
import { livePage } from "./live.js";
import { promptPage } from "./prompt.js";
import { ask, chooseDatabase, chosenDatabase, forget, remember } from "./server.js";

const KEYS_OF_HELP = [
  ["1 … 6", "another page"], ["/", "filter"], ["↑ ↓ ← →", "move among the keys"], ["Enter", "open"],
  ["Ctrl Enter", "save a text"], ["Esc", "cancel"], ["?", "this help"],
];

let pages = [];
let current = null;

/** Tries who is let in without a word; asks if nobody is. */
async function begin() {
  try {
    await enter();
  } catch (error) {
    showLogin(["NOAUTH", "HOST"].includes(error.code) ? "" : error.message);
  }
}

async function enter() {
  const user = await ask("ACL", "WHOAMI").catch((error) => {
    if (error.code === "NOPERM") return "";
    throw error;
  });
  await showConsole(user);
}

function showLogin(reason) {
  current?.stop();
  current = null;
  const user = element("input", { name: "username", autocomplete: "username", autocapitalize: "off", value: "default", required: true });
  const password = element("input", { name: "password", type: "password", autocomplete: "current-password" });
  const told = element("p", { class: "warning", role: "alert" }, reason);
  const form = element("form", {
    class: "login",
    onsubmit: async (event) => {
      event.preventDefault();
      remember(user.value, password.value);
      try {
        await enter();
      } catch (error) {
        forget();
        told.textContent = error.message;
        password.select();
      }
    },
  },
  element("img", { src: "icon.svg", alt: "", width: 56, height: 56 }),
  element("h1", {}, "SpinelDB"),
  field("User", user), field("Password", password), told,
  element("button", { type: "submit", class: "main" }, "Log in"));
  document.body.replaceChildren(form);
  password.focus();
}

async function showConsole(user) {
  const keys = keysPage();
  const openKey = (key) => {
    show(pages[0]);
    keys.open(key);
  };
  const database = element("select", { id: "database", "aria-label": "Database", onchange: () => choose(Number(database.value)) });
  pages = [
    ["Keys", keys], ["Live", livePage(openKey)], ["Clients", clientsPage()], ["Slow", slowPage()],
    ["Settings", settingsPage()], ["Commands", promptPage(choose)],
  ].map(([name, page]) => ({ name, page, tab: button(name, () => show(pages.find((page) => page.name === name)), { role: "tab" }) }));
  const main = element("main", { id: "page", role: "tabpanel" });
  document.body.replaceChildren(
    element("header", { class: "top" },
      element("a", { href: "./", class: "brand" }, element("img", { src: "icon.svg", alt: "", width: 24, height: 24 }), element("span", {}, "SpinelDB")),
      element("nav", { role: "tablist", "aria-label": "Pages" }, pages.map(({ tab }) => tab)),
      database,
      button("◐", toggleTheme, { title: "Light or dark", "aria-label": "Light or dark", class: "icon" }),
      button([user && element("span", { class: "user" }, `${user} · `), "Log out"], () => {
        forget();
        showLogin("");
      }, { class: "leave" })),
    main);

  function show(page) {
    current?.stop();
    current = page.page;
    for (const { tab, name } of pages) tab.setAttribute("aria-selected", String(name === page.name));
    main.replaceChildren(current.element);
    document.title = `${page.name} · SpinelDB`;
    current.start();
  }

  /** Looks at another database. */
  function choose(number) {
    chooseDatabase(number);
    database.value = String(number);
    if (current === keys) keys.start();
  }

  const all = await databases().catch(() => [{ number: 0, text: "DB 0" }]);
  database.replaceChildren(...all.map(({ number, text }) => element("option", { value: String(number) }, text)));
  database.value = String(chosenDatabase());
  show(pages[0]);
}

function toggleTheme() {
  const root = document.documentElement;
  const isDark = getComputedStyle(root).colorScheme === "dark" ||
    getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = isDark ? "light" : "dark";
}

addEventListener("locked", () => current && showLogin("The session has ended."));

addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, dialog");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !current) return;
  if (/^[1-6]$/.test(event.key)) pages[event.key - 1].tab.click();
  else if (event.key === "/") document.querySelector("main input[type=search]")?.focus();
  else if (event.key === "?") note(KEYS_OF_HELP.map(([key, what]) => `${key}: ${what}`).join("\n"), "help");
  else return;
  event.preventDefault();
});

attempt(begin);
