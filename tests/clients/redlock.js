// The flows of a program that takes locks with redlock, against the server at a port of this machine.
//
// Usage: NODE_PATH=…/node_modules node redlock.js PORT
//
// Three databases stand for three servers. redlock sets, extends and gives back its locks with scripts.

"use strict";

const assert = require("node:assert");
const Redis = require("ioredis");
const Redlock = require("redlock");

const LIMIT_MS = 60_000;
const connect = (db) => new Redis({ host: "127.0.0.1", port: Number(process.argv[2]), db });
const clients = [0, 1, 2].map(connect);
const patient = new Redlock(clients, { retryCount: 500, retryDelay: 10, retryJitter: 10 });
const hasty = new Redlock(clients, { retryCount: 0 });

const holders = async (key) => (await Promise.all(clients.map((client) => client.exists(key)))).join("");
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function takesAndGivesBack() {
  const lock = await hasty.lock("lock:a", 10_000);
  assert.strictEqual(await holders("lock:a"), "111");
  await assert.rejects(hasty.lock("lock:a", 1000), { name: "LockError" });
  await lock.unlock();
  assert.strictEqual(await holders("lock:a"), "000");
  await assert.rejects(lock.unlock(), { name: "LockError" });
}

async function extends_() {
  const lock = await hasty.lock("lock:b", 1000);
  const extended = await lock.extend(60_000);
  assert.ok((await clients[1].pttl("lock:b")) > 50_000);
  await extended.unlock();
  await assert.rejects(extended.extend(1000), { name: "LockError" });
}

async function takesSeveral() {
  const lock = await hasty.lock(["lock:c", "lock:d"], 10_000);
  await assert.rejects(hasty.lock(["lock:d", "lock:e"], 1000), { name: "LockError" });
  assert.strictEqual(await holders("lock:e"), "000");
  await lock.unlock();
}

async function needsMost() {
  await clients[0].set("lock:f", "somebody else");
  const lock = await hasty.lock("lock:f", 10_000);
  assert.strictEqual(await holders("lock:f"), "111");
  await lock.unlock();
  assert.strictEqual(await clients[0].get("lock:f"), "somebody else");
  await clients[1].set("lock:f", "somebody else");
  await assert.rejects(hasty.lock("lock:f", 1000), { name: "LockError" });
  assert.strictEqual(await holders("lock:f"), "110");
}

async function expires() {
  await hasty.lock("lock:g", 50);
  const lock = await patient.lock("lock:g", 10_000);
  await lock.unlock();
}

async function excludes() {
  let [inside, rounds] = [0, 0];
  const enter = async () => {
    for (let round = 0; round < 5; round += 1) {
      const lock = await patient.lock("lock:h", 30_000);
      inside += 1;
      assert.strictEqual(inside, 1, "two hold the lock");
      await pause(1);
      inside -= 1;
      rounds += 1;
      await lock.unlock();
    }
  };
  await Promise.all(Array.from({ length: 8 }, enter));
  assert.strictEqual(rounds, 40);
}

async function survivesFlushedScripts() {
  await (await hasty.lock("lock:i", 1000)).unlock();
  await clients[0].script("FLUSH");
  await (await hasty.lock("lock:i", 1000)).unlock();
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

async function main() {
  setTimeout(() => fail(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS).unref();
  await clients[0].flushall();
  const flows = [takesAndGivesBack, extends_, takesSeveral, needsMost, expires, excludes, survivesFlushedScripts];
  for (const flow of flows) {
    await flow();
    console.log(flow.name, "passed");
  }
  console.log("all passed");
  process.exit(0);
}

main().catch(fail);
