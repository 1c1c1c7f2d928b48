// The flows of a program that uses BullMQ, against the server at a port of this machine.
//
// Usage: NODE_PATH=…/node_modules node bullmq.js PORT
//
// BullMQ keeps its queues with long scripts, blocks in BZPOPMIN for the next job and reads its events with
// XREAD BLOCK. Each flow has a queue of its own, waits for events rather than for time, and prints its name.

"use strict";

const assert = require("node:assert");
const { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } = require("bullmq");

const LIMIT_MS = 100_000;
const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };

// What must be closed at the end of a flow, workers first.
let opened = [];

function open(object) {
  object.on("error", (error) => fail(error));
  opened.unshift(object);
  return object;
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

const queue = (name) => open(new Queue(name, { connection }));
const worker = (name, work, options = {}) => open(new Worker(name, work, { connection, ...options }));

async function events(name) {
  const events = open(new QueueEvents(name, { connection }));
  await events.waitUntilReady();
  return events;
}

// Resolves with the arguments of the first event of that name that `wanted` accepts.
function once(emitter, name, wanted = () => true) {
  return new Promise((resolve) => {
    const listen = (...args) => {
      if (!wanted(...args)) return;
      emitter.off(name, listen);
      resolve(args);
    };
    emitter.on(name, listen);
  });
}

// Resolves when as many calls of the returned function have been made.
function countdown(count) {
  let resolve;
  const done = new Promise((settle) => (resolve = settle));
  return { done, tick: () => --count === 0 && resolve() };
}

async function addAndWork() {
  const jobs = queue("plain");
  const heard = await events("plain");
  worker("plain", async (job) => job.data.a + job.data.b);
  const job = await jobs.add("sum", { a: 2, b: 3 });
  assert.strictEqual(await job.waitUntilFinished(heard), 5);
  assert.strictEqual(await job.getState(), "completed");

  const bulk = await jobs.addBulk([1, 2, 3].map((a) => ({ name: "sum", data: { a, b: a } })));
  const results = await Promise.all(bulk.map((one) => one.waitUntilFinished(heard)));
  assert.deepStrictEqual(results, [2, 4, 6]);
  assert.deepStrictEqual(await jobs.getJobCounts("wait", "active", "completed", "failed"), {
    wait: 0,
    active: 0,
    completed: 4,
    failed: 0,
  });
}

async function wakesWhoWaits() {
  const jobs = queue("idle");
  const heard = await events("idle");
  const busy = worker("idle", async () => "done");
  // The worker finds nothing and blocks before the job comes.
  await once(busy, "drained");
  const job = await jobs.add("late", {});
  assert.strictEqual(await job.waitUntilFinished(heard, 5000), "done");
}

async function delayed() {
  const jobs = queue("delayed");
  const heard = await events("delayed");
  const order = [];
  worker("delayed", async (job) => order.push(job.name));
  const started = Date.now();
  const later = await jobs.add("later", {}, { delay: 300 });
  assert.strictEqual(await later.getState(), "delayed");
  const sooner = await jobs.add("sooner", {}, { delay: 100 });
  const now = await jobs.add("now", {});
  await Promise.all([later, sooner, now].map((job) => job.waitUntilFinished(heard)));
  assert.deepStrictEqual(order, ["now", "sooner", "later"]);
  assert.ok(Date.now() - started >= 299, "it came before its time");
  const far = await jobs.add("far", {}, { delay: 1_000_000 });
  await far.promote();
  await far.waitUntilFinished(heard);
}

async function prioritised() {
  const jobs = queue("prioritised");
  for (const [name, priority] of [["third", 9], ["second", 5], ["first", 1], ["fourth", 9]]) {
    await jobs.add(name, {}, { priority });
  }
  await jobs.add("before-all", {});
  assert.deepStrictEqual(await jobs.getCountsPerPriority([1, 5, 9]), { 1: 1, 5: 1, 9: 2 });
  const order = [];
  const { done, tick } = countdown(5);
  worker("prioritised", async (job) => {
    order.push(job.name);
  }).on("completed", tick);
  await done;
  assert.deepStrictEqual(order, ["before-all", "first", "second", "third", "fourth"]);
}

async function repeated() {
  const jobs = queue("repeated");
  const { done, tick } = countdown(3);
  worker("repeated", async (job) => job.data.number).on("completed", tick);
  await jobs.upsertJobScheduler("every", { every: 100 }, { name: "beat", data: { number: 7 } });
  await done;
  assert.strictEqual((await jobs.getJobSchedulers()).length, 1);
  assert.ok(await jobs.removeJobScheduler("every"));
  assert.strictEqual((await jobs.getJobSchedulers()).length, 0);
}

async function rateLimited() {
  const jobs = queue("limited");
  await jobs.addBulk([1, 2, 3, 4, 5].map((number) => ({ name: "job", data: { number } })));
  const { done, tick } = countdown(5);
  const started = Date.now();
  worker("limited", async () => {}, { limiter: { max: 2, duration: 200 } }).on("completed", tick);
  await done;
  // Five jobs, two in each 200 ms: the last comes in the third span.
  assert.ok(Date.now() - started >= 390, `five jobs took only ${Date.now() - started} ms`);
}

async function retried() {
  const jobs = queue("retried");
  const heard = await events("retried");
  worker("retried", async (job) => {
    if (job.name === "never") throw new UnrecoverableError("never");
    if (job.attemptsMade < 2) throw new Error("not yet");
    return job.attemptsMade;
  });
  const job = await jobs.add("third-time", {}, { attempts: 3, backoff: { type: "fixed", delay: 50 } });
  assert.strictEqual(await job.waitUntilFinished(heard), 2);
  const never = await jobs.add("never", {}, { attempts: 3 });
  await assert.rejects(never.waitUntilFinished(heard), /never/);
  assert.strictEqual(await never.getState(), "failed");
  assert.strictEqual(await jobs.getFailedCount(), 1);
}

async function flows() {
  const heard = await events("parent");
  queue("parent");
  queue("child");
  const flow = open(new FlowProducer({ connection }));
  worker("child", async (job) => job.data.value * 10, { concurrency: 3 });
  worker("parent", async (job) => {
    const values = Object.values(await job.getChildrenValues());
    return values.reduce((sum, value) => sum + value, 0);
  });
  const child = (value) => ({ name: "part", queueName: "child", data: { value } });
  const tree = await flow.add({
    name: "whole",
    queueName: "parent",
    children: [child(1), child(2), { ...child(3), children: [child(4)] }],
  });
  assert.strictEqual(await tree.job.waitUntilFinished(heard), 60);
}

async function stalled() {
  const jobs = queue("stalled");
  const heard = await events("stalled");
  const never = new Promise(() => {});
  // The first worker takes the job and is gone before it is done.
  const lost = worker("stalled", () => never, { lockDuration: 300, skipStalledCheck: true });
  const taken = once(lost, "active");
  const job = await jobs.add("abandoned", {});
  await taken;
  await lost.close(true);
  const noticed = once(heard, "stalled", ({ jobId }) => jobId === job.id);
  worker("stalled", async () => "rescued", { lockDuration: 1000, stalledInterval: 150 });
  assert.strictEqual(await job.waitUntilFinished(heard), "rescued");
  await noticed;
}

async function deduplicated() {
  const jobs = queue("deduplicated");
  const options = { deduplication: { id: "one", ttl: 60_000 } };
  const [first, second] = [await jobs.add("job", {}, options), await jobs.add("job", {}, options)];
  assert.strictEqual(first.id, second.id);
  assert.strictEqual(await jobs.getWaitingCount(), 1);
  const twin = await jobs.add("job", {}, { jobId: "mine" });
  await jobs.add("job", {}, { jobId: "mine" });
  assert.strictEqual(twin.id, "mine");
  assert.strictEqual(await jobs.getWaitingCount(), 2);
}

async function paused() {
  const jobs = queue("paused");
  const heard = await events("paused");
  await jobs.pause();
  const job = await jobs.add("job", {});
  const busy = worker("paused", async (job) => {
    await job.updateProgress(50);
    await job.log("halfway");
    return "done";
  });
  await busy.waitUntilReady();
  assert.ok(await jobs.isPaused());
  assert.strictEqual(await jobs.getCompletedCount(), 0);
  const progressed = once(heard, "progress", ({ jobId }) => jobId === job.id);
  await jobs.resume();
  assert.strictEqual(await job.waitUntilFinished(heard), "done");
  await progressed;
  assert.deepStrictEqual((await jobs.getJobLogs(job.id)).logs, ["halfway"]);
}

async function crowd() {
  const jobs = queue("crowd");
  const seen = new Set();
  const { done, tick } = countdown(300);
  for (let number = 0; number < 4; number += 1) {
    const busy = worker("crowd", async (job) => {
      assert.ok(!seen.has(job.id), `job ${job.id} was done twice`);
      seen.add(job.id);
    }, { concurrency: 5 });
    busy.on("completed", tick).on("failed", (_, error) => fail(error));
  }
  for (let batch = 0; batch < 10; batch += 1) {
    await jobs.addBulk(Array.from({ length: 30 }, (_, number) => ({ name: "job", data: { number } })));
  }
  await done;
  assert.strictEqual(seen.size, 300);
}

async function cleaned() {
  const jobs = queue("cleaned");
  const { done, tick } = countdown(10);
  worker("cleaned", async () => {}).on("completed", tick);
  await jobs.addBulk(Array.from({ length: 10 }, () => ({ name: "job", data: {} })));
  await done;
  assert.strictEqual((await jobs.clean(0, 4, "completed")).length, 4);
  assert.strictEqual(await jobs.getCompletedCount(), 6);
  await jobs.obliterate({ force: true });
  assert.strictEqual(await jobs.getCompletedCount(), 0);
}

async function main() {
  setTimeout(() => fail(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS).unref();
  const all = [addAndWork, wakesWhoWaits, delayed, prioritised, repeated, rateLimited, retried, flows, stalled,
    deduplicated, paused, crowd, cleaned];
  const chosen = process.argv.slice(3);
  for (const flow of all.filter((flow) => chosen.length === 0 || chosen.includes(flow.name))) {
    await flow();
    for (const object of opened) await object.close();
    opened = [];
    console.log(flow.name, "passed");
  }
  console.log("all passed");
  process.exit(0);
}

main().catch(fail);
