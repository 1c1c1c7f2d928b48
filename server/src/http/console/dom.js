// Elements, made by functions only: no text of the data set is ever read as HTML.

/** An element with attributes, listeners (`onclick`) and children, which may be texts. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  return filled(made, attributes, children);
}

/** The same for drawings. */
export function drawing(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  return filled(made, attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    // What an input holds is no attribute, and numbers and truths are properties.
    else if (name === "value" || (name in made && typeof value !== "string")) made[name] = value;
    else if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child || child === ""));
  return made;
}

/** A button. */
export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

const SURE_MS = 3000;

/** A button that does its work when it is pressed twice within a while. */
export function sureButton(text, work, attributes = {}) {
  let timer = 0;
  const calm = () => {
    clearTimeout(timer);
    timer = 0;
    made.textContent = text;
    made.classList.remove("sure");
  };
  const made = button(text, () => {
    if (timer) {
      calm();
      work();
      return;
    }
    made.textContent = "Sure?";
    made.classList.add("sure");
    timer = setTimeout(calm, SURE_MS);
  }, attributes);
  made.classList.add("danger");
  return made;
}

const NOTE_MS = 5000;

/** Tells something that goes away by itself; an error stays longer. */
export function note(text, kind = "done") {
  let notes = document.querySelector("#notes");
  if (!notes) {
    notes = element("div", { id: "notes", role: "status", "aria-live": "polite" });
    document.body.append(notes);
  }
  const made = element("div", { class: `note ${kind}` }, text);
  made.addEventListener("click", () => made.remove());
  notes.append(made);
  setTimeout(() => made.remove(), kind === "error" ? 2 * NOTE_MS : NOTE_MS);
}

/** Does something, and tells if it fails. Returns whether all went well. */
export async function attempt(work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (error.name !== "AbortError") note(error.message, "error");
    return false;
  }
}

/** Opens a dialog with a form. `submit` gets the form's values by name; the dialog closes unless it fails. */
export function dialog(title, fields, verb, submit) {
  const form = element("form", { method: "dialog" },
    element("h2", {}, title),
    fields,
    element("div", { class: "actions" },
      button("Cancel", () => box.close()),
      element("button", { type: "submit", class: "main" }, verb)));
  const box = element("dialog", {}, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    if (await attempt(() => submit(values))) box.close();
  });
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/** A field of a form with a name above it. */
export function field(label, input) {
  return element("label", { class: "field" }, element("span", {}, label), input);
}

/** A table with a head, for rows of cells. */
export function table(columns, rows, attributes = {}) {
  const head = columns.map((column) => element("th", { scope: "col" }, column));
  return element("div", { class: "scroll" },
    element("table", attributes,
      element("thead", {}, element("tr", {}, head)),
      element("tbody", {}, rows)));
}

/** A row of a table. A cell may be a text or an element. */
export function row(cells, attributes = {}) {
  return element("tr", attributes, cells.map((cell) => element("td", {}, cell)));
}

/** What stands where there is nothing else. */
export function nothing(text) {
  return element("p", { class: "nothing" }, text);
}
