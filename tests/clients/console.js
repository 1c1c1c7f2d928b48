// Drives the console in Chromium as its users do: logs in, looks at keys of all types, changes them, runs commands.
// The arguments are the port of HTTP and the browser's program; with a third one, a folder, pictures are taken on the way.

const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const [port, program, pictures] = process.argv.slice(2);
const HOME = `http://127.0.0.1:${port}/console/`;
const CREDENTIALS = { user: "ada", password: "pass word ü" };
const TRICK = `<img src=x onerror="document.title='run'">`;

/** Asks the server itself. */
async function ask(...words) {
  const pair = Buffer.from(`${CREDENTIALS.user}:${CREDENTIALS.password}`).toString("base64");
  const answer = await fetch(`http://127.0.0.1:${port}/v1/command`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Basic ${pair}` },
    body: JSON.stringify(words),
  });
  return (await answer.json()).result;
}

async function seed() {
  for (let user = 1; user <= 40; user++) {
    await ask("HSET", `user:${user}`, "name", `User ${user}`, "email", `user${user}@example.com`, "visits", user * 7);
  }
  await ask("SET", "greeting", "hello\nworld");
  await ask("SET", "page:home", JSON.stringify({ title: "Home", blocks: [1, 2, { kind: "text" }] }));
  await ask("SET", "session:9f2c", "token", "EX", 3600);
  await ask("SET", { base64: "/wBr" }, { base64: "/wABAg==" });
  await ask("SET", TRICK, TRICK);
  await ask("RPUSH", "queue:mail", "first", "second", TRICK);
  await ask("SADD", "tags", "red", "green", "blue");
  await ask("ZADD", "scores", 10, "ann", 25.5, "bob", 7, "cy");
  await ask("XADD", "events", "*", "kind", "login", "user", "1");
  await ask("XGROUP", "CREATE", "events", "readers", "0");
}

async function picture(page, name) {
  if (pictures) await page.screenshot({ path: path.join(pictures, `${name}.png`) });
}

const key = (page, name) => page.locator(`[role=treeitem][data-path="${name}"]`);
const heading = (page, name) => page.locator(".key-head h2", { hasText: name });

async function open(page, name) {
  await key(page, name).click();
  await heading(page, name.split(":").at(-1)).waitFor();
}

async function logIn(page) {
  await page.goto(HOME);
  await page.getByLabel("User").fill(CREDENTIALS.user);
  await page.getByLabel("Password").fill("wrong");
  await page.keyboard.press("Enter");
  await page.getByText("WRONGPASS").waitFor();
  await picture(page, "login");
  await page.getByLabel("Password").fill(CREDENTIALS.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("tree").getByText("user:").waitFor();
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, ""]);
}

async function browse(page) {
  await key(page, "user:").click();
  await open(page, "user:7");
  await page.getByText("user7@example.com").waitFor();
  await picture(page, "hash");
  const line = page.locator("tr", { hasText: "visits" });
  await line.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Value").fill("1000");
  await page.keyboard.press("Enter");
  await line.getByText("1000").waitFor();
  assert.equal(await ask("HGET", "user:7", "visits"), "1000");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByLabel("Field").fill("city");
  await page.locator("dialog").getByLabel("Value").fill("Paris");
  await page.locator("dialog").getByRole("button", { name: "Add" }).click();
  await page.locator("tr", { hasText: "Paris" }).waitFor();
  const email = page.locator("tr", { hasText: "email" });
  await email.getByRole("button", { name: "Remove" }).click();
  await email.getByRole("button", { name: "Sure?" }).click();
  await email.waitFor({ state: "detached" });
  assert.deepEqual(await ask("HGETALL", "user:7"), { name: "User 7", visits: "1000", city: "Paris" });
  // The arrows move among the keys, and Enter opens one.
  await key(page, "user:7").focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await heading(page, "user:8").waitFor();
  // Only what fits is found.
  await page.keyboard.press("/");
  await page.keyboard.type("user:1");
  await page.keyboard.press("Enter");
  await page.getByText("11 of", { exact: false }).waitFor();
  await page.getByLabel("Prefix or pattern of keys").fill("");
  await page.keyboard.press("Enter");
  await key(page, "greeting").waitFor();
}

async function editText(page) {
  await open(page, "greeting");
  const text = page.getByRole("textbox", { name: "Value" });
  assert.equal(await text.inputValue(), "hello\nworld");
  await text.fill("changed");
  await page.keyboard.press("Control+Enter");
  await page.getByText("The value is saved.").waitFor();
  assert.equal(await ask("GET", "greeting"), "changed");
  await page.locator("button:disabled", { hasText: "Save" }).waitFor();
  // What somebody else has written meanwhile is not lost.
  await text.fill("mine");
  await ask("SET", "greeting", "theirs");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("has changed meanwhile").waitFor();
  assert.equal(await ask("GET", "greeting"), "theirs");
  await page.getByRole("button", { name: "never expires" }).click();
  await page.getByLabel("Seconds from now").fill("500");
  await page.getByRole("button", { name: "Set", exact: true }).click();
  await page.getByText("expires in 8 min").waitFor();
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByLabel("New name").fill("texts:greeting");
  await page.locator("dialog").getByRole("button", { name: "Rename" }).click();
  await heading(page, "texts:greeting").waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Sure?" }).click();
  await page.getByText("The key is deleted.").waitFor();
  assert.equal(await ask("EXISTS", "texts:greeting"), 0);
  // Bytes that are no text are kept as they are.
  await page.locator("[role=treeitem]", { hasText: "\\xff\\x00k" }).click();
  await heading(page, "\\xff\\x00k").waitFor();
  assert.equal(await text.inputValue(), "\\xff\\x00\\x01\\x02");
  await text.fill("\\xfe\\x00");
  await page.keyboard.press("Control+Enter");
  await page.getByText("2 bytes").waitFor();
  assert.deepEqual(await ask("GET", { base64: "/wBr" }), { base64: "/gA=" });
  await key(page, "page:").click();
  await open(page, "page:home");
  await page.getByRole("button", { name: "Indent JSON" }).click();
  await picture(page, "string");
}

async function editCollections(page) {
  await key(page, "queue:").click();
  await open(page, "queue:mail");
  await page.locator("tr", { hasText: "second" }).getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Item" }).fill("other");
  await page.keyboard.press("Enter");
  await page.locator("tr", { hasText: "other" }).waitFor();
  await page.locator("tr", { hasText: "first" }).getByRole("button", { name: "Remove" }).click();
  await page.getByRole("button", { name: "Sure?" }).click();
  await page.locator("tr", { hasText: "first" }).waitFor({ state: "detached" });
  assert.deepEqual(await ask("LRANGE", "queue:mail", 0, -1), ["other", TRICK]);
  await open(page, "scores");
  await page.locator("tr", { hasText: "ann" }).getByRole("button", { name: "Edit" }).click();
  await page.getByRole("textbox", { name: "Score" }).fill("99");
  await page.keyboard.press("Enter");
  await page.locator("tr", { hasText: "99" }).waitFor();
  assert.equal(await ask("ZSCORE", "scores", "ann"), 99);
  await open(page, "tags");
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByLabel("Member").fill("violet");
  await page.locator("dialog").getByRole("button", { name: "Add" }).click();
  await page.locator("tr", { hasText: "violet" }).waitFor();
  await open(page, "events");
  await page.getByText("login").waitFor();
  await page.getByText("readers").waitFor();
  await page.getByRole("button", { name: "Add" }).click();
  await page.getByLabel("Fields").fill(`kind logout note "two words"`);
  await page.locator("dialog").getByRole("button", { name: "Add" }).click();
  await page.getByText("two words").waitFor();
  await picture(page, "stream");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByLabel("Name").fill("new:zset");
  await page.locator("dialog select[name=kind]").selectOption("zset");
  await page.getByLabel("Member").fill("one");
  await page.getByLabel("Score").fill("1");
  await page.getByRole("button", { name: "Make" }).click();
  await heading(page, "new:zset").waitFor();
  assert.deepEqual(await ask("ZRANGE", "new:zset", 0, -1, "WITHSCORES"), [["one", 1]]);
}

/** What is in the data set is text, whatever it looks like. */
async function stayCalm(page) {
  await page.locator("[role=treeitem]", { hasText: "onerror" }).click();
  await page.locator(".key-head h2", { hasText: "onerror" }).waitFor();
  assert.equal(await page.locator("main img").count(), 0);
  assert.notEqual(await page.title(), "run");
}

async function run(page) {
  await page.keyboard.press("Escape");
  await page.getByRole("tab", { name: "Commands" }).click();
  await page.getByLabel("Command", { exact: true }).fill("hgeta");
  await page.getByRole("option", { name: "HGETALL" }).waitFor();
  await picture(page, "completion");
  await page.keyboard.press("Tab");
  await page.keyboard.type("user:3");
  await page.getByText("HGETALL key").waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("user3@example.com").waitFor();
  for (const [line, reply] of [
    [`SET word "a\\x00b"`, `"OK"`], ["GET none", "(nil)"], ["LPUSH word x", "WRONGTYPE"], ["SUBSCRIBE c", "NOTHTTP"],
    ["CONFIG GET maxclients", `"maxclients" => "10000"`], [`ECHO "open`, "A quote doesn't end"],
  ]) {
    await page.getByLabel("Command", { exact: true }).fill(line);
    await page.keyboard.press("Enter");
    await page.getByText(reply).last().waitFor();
  }
  await page.getByLabel("Command", { exact: true }).fill("");
  await page.keyboard.press("ArrowUp");
  await page.keyboard.press("ArrowUp");
  assert.equal(await page.getByLabel("Command", { exact: true }).inputValue(), "SUBSCRIBE c");
  await page.keyboard.press("Escape");
  await page.getByLabel("Command", { exact: true }).fill("FLUSHALL");
  await page.keyboard.press("Enter");
  await page.getByText("This can do harm.").waitFor();
  assert.notEqual(await ask("DBSIZE"), 0);
  await picture(page, "commands");
}

async function operate(page) {
  await page.getByRole("tab", { name: "Live" }).click();
  await page.locator(".chart strong", { hasText: "/s" }).first().waitFor();
  await page.locator("td", { hasText: /^info$/ }).waitFor();
  if (pictures) await page.waitForTimeout(20_000);
  await picture(page, "live");
  await page.getByRole("button", { name: "Look" }).click();
  await page.getByText(/No key was used often|^Use$/).first().waitFor();
  await page.getByRole("tab", { name: "Settings" }).click();
  await page.getByLabel("Filter Settings").fill("maxmemory-policy");
  const line = page.locator("tr:visible", { hasText: "maxmemory-policy" });
  await line.getByRole("button", { name: "Edit" }).click();
  await line.getByRole("textbox").fill("allkeys-lfu");
  await page.keyboard.press("Enter");
  await page.getByText("maxmemory-policy is allkeys-lfu.").waitFor();
  assert.deepEqual(await ask("CONFIG", "GET", "maxmemory-policy"), { "maxmemory-policy": "allkeys-lfu" });
  await page.getByLabel("Filter Settings").fill("max");
  await picture(page, "settings");
  // One request of 256 is sampled.
  await ask("EVAL", "for _ = 1, 5000 do redis.call('GET', KEYS[1]) end", "1", "page:home");
  await page.getByRole("tab", { name: "Live" }).click();
  await page.getByRole("button", { name: "Look" }).click();
  await page.getByRole("button", { name: "page:home" }).click();
  await heading(page, "page:home").waitFor();
  await page.getByRole("tab", { name: "Clients" }).click();
  await page.getByText("this page").waitFor();
  await picture(page, "clients");
  await ask("CONFIG", "SET", "slowlog-log-slower-than", "0");
  await ask("ECHO", "slow enough");
  await ask("CONFIG", "SET", "slowlog-log-slower-than", "10000");
  await page.locator("body").press("4");
  await page.getByText("ECHO slow enough").waitFor();
  await picture(page, "slow");
}

/** All is there on a phone, and nothing sticks out. */
async function shrink(page) {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const name of ["Keys", "Live", "Clients", "Slow", "Settings", "Commands"]) {
    await page.getByRole("tab", { name }).click();
    const widths = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(widths[0] <= widths[1], `${name} is ${widths[0]} wide on a screen of ${widths[1]}`);
    await picture(page, `phone-${name.toLowerCase()}`);
  }
  await page.getByRole("tab", { name: "Keys" }).click();
  await page.getByRole("button", { name: "Back to the keys" }).click();
  await key(page, "tags").click();
  await page.getByRole("button", { name: "Back to the keys" }).waitFor();
  await picture(page, "phone-key");
  await page.getByRole("button", { name: "Back to the keys" }).click();
  await key(page, "tags").waitFor();
}

async function main() {
  await seed();
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  for (const colorScheme of pictures ? ["dark", "light"] : ["light"]) {
    const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => {
      // The browser itself tells of the answer to a wrong password and of commands that fail.
      const isTold = /Failed to load resource: the server responded with a status of 4/.test(message.text());
      if (message.type() === "error" && !isTold) wrong.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(`http://127.0.0.1:${port}/`)) wrong.push(`a request to ${request.url()}`);
    });
    await logIn(page);
    if (colorScheme === "dark") {
      await key(page, "user:").click();
      await open(page, "user:7");
      await picture(page, "dark");
    } else {
      for (const part of [browse, editText, editCollections, stayCalm, run, operate, shrink]) await part(page);
      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByRole("button", { name: "Log in" }).waitFor();
    }
    assert.deepEqual(wrong, []);
  }
  await browser.close();
  console.log("all passed");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
