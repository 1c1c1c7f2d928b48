// The types whose values are tables: how their rows are read, changed and removed.

import { ask, askAll, doAll, ServerError } from "./server.js";
import { split } from "./words.js";

const PAGE = 100;

/** Rows of a scan of a collection. `from` is where it goes on. */
async function scanned(command, key, from, pattern, width) {
  const match = pattern ? ["MATCH", pattern.includes("*") ? pattern : `*${pattern}*`] : [];
  const rows = [];
  let cursor = from ?? "0";
  do {
    const [next, words] = await ask(command, key, cursor, ...match, "COUNT", PAGE);
    for (let at = 0; at < words.length; at += width) rows.push(words.slice(at, at + width));
    cursor = String(next);
  } while (cursor !== "0" && rows.length < PAGE);
  return { rows, next: cursor === "0" ? null : cursor };
}

// Positions of a list move when others push: these change an item only if it is still the one that was shown.
const SET_ITEM = "if redis.call('LINDEX', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end " +
  "redis.call('LSET', KEYS[1], ARGV[1], ARGV[3]) return 1";
const REMOVE_ITEM = "if redis.call('LINDEX', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end " +
  "local mark = ARGV[2] .. ':removed:' .. ARGV[1] while redis.call('LPOS', KEYS[1], mark) do mark = mark .. '.' end " +
  "redis.call('LSET', KEYS[1], ARGV[1], mark) redis.call('LREM', KEYS[1], 1, mark) return 1";

async function changed(...words) {
  if (await ask(...words) === 0) throw new ServerError("CHANGED", "The list has changed meanwhile; reload it.", 200);
}

/** Each type: its columns, which of them can be edited, and what is done with a row. */
export const TYPES = {
  hash: {
    columns: ["Field", "Value"],
    editable: [false, true],
    length: "HLEN",
    filter: true,
    page: (key, from, pattern) => scanned("HSCAN", key, from, pattern, 2),
    add: (key, [name, value]) => ask("HSET", key, name, value),
    set: (key, _, [name, value]) => ask("HSET", key, name, value),
    remove: (key, [name]) => ask("HDEL", key, name),
  },
  set: {
    columns: ["Member"],
    editable: [true],
    length: "SCARD",
    filter: true,
    page: (key, from, pattern) => scanned("SSCAN", key, from, pattern, 1),
    add: (key, [member]) => ask("SADD", key, member),
    set: (key, [before], [member]) => doAll([["SREM", key, before], ["SADD", key, member]], { atomic: true }),
    remove: (key, [member]) => ask("SREM", key, member),
  },
  zset: {
    columns: ["Member", "Score"],
    editable: [false, true],
    length: "ZCARD",
    filter: true,
    page: async (key, from, pattern) => {
      if (pattern) return scanned("ZSCAN", key, from, pattern, 2);
      const start = from ?? 0;
      const rows = await ask("ZRANGE", key, start, start + PAGE - 1, "WITHSCORES");
      return { rows, next: rows.length === PAGE ? start + PAGE : null };
    },
    add: (key, [member, score]) => ask("ZADD", key, score, member),
    set: (key, _, [member, score]) => ask("ZADD", key, "XX", score, member),
    remove: (key, [member]) => ask("ZREM", key, member),
  },
  list: {
    columns: ["Index", "Item"],
    editable: [false, true],
    length: "LLEN",
    page: async (key, from) => {
      const start = from ?? 0;
      const items = await ask("LRANGE", key, start, start + PAGE - 1);
      const rows = items.map((item, place) => [start + place, item]);
      return { rows, next: items.length === PAGE ? start + PAGE : null };
    },
    ends: ["RPUSH", "LPUSH"],
    add: (key, [, item], end) => ask(end ?? "RPUSH", key, item),
    set: (key, [index, before], [, item]) => changed("EVAL", SET_ITEM, 1, key, index, before, item),
    remove: (key, [index, item]) => changed("EVAL", REMOVE_ITEM, 1, key, index, item),
  },
  stream: {
    columns: ["Id", "Fields"],
    editable: [false, false],
    length: "XLEN",
    page: async (key, from) => {
      const rows = await ask("XREVRANGE", key, from ?? "+", "-", "COUNT", PAGE);
      return { rows, next: rows.length === PAGE ? `(${rows.at(-1)[0]}` : null };
    },
    hint: "field value field value …",
    add: (key, [, line]) => {
      const words = split(line);
      if (words.length === 0 || words.length % 2) throw new ServerError("ERR", "Fields and values in turn are asked for.", 0);
      return ask("XADD", key, "*", ...words);
    },
    remove: (key, [id]) => ask("XDEL", key, id),
    /** What else there is to see: the groups of consumers. */
    more: async (key) => {
      const groups = await ask("XINFO", "GROUPS", key);
      return {
        title: "Groups",
        columns: ["Name", "Consumers", "Pending", "Last id", "Lag"],
        rows: groups.map((group) =>
          [group.name, group.consumers, group.pending, group["last-delivered-id"], group.lag ?? "?"]),
      };
    },
  },
};

/** Makes a key of a type with its first row. */
export async function create(kind, key, cells) {
  const [exists] = await doAll([["EXISTS", key]]);
  if (exists) throw new ServerError("BUSYKEY", "There is such a key.", 200);
  if (kind === "string") {
    if (await ask("SET", key, cells.at(-1), "NX") === null) {
      throw new ServerError("BUSYKEY", "There is such a key.", 200);
    }
    return;
  }
  await TYPES[kind].add(key, TYPES[kind].columns.length === 1 ? [cells.at(-1)] : cells);
}

/** The facts about a key: its type, when it expires, its encoding and its memory; what may not be asked is null. */
export async function facts(key) {
  const asked = [["TYPE", key], ["PTTL", key], ["OBJECT", "ENCODING", key], ["MEMORY", "USAGE", key]];
  const [kind, ttlMs, encoding, bytes] = await askAll(asked);
  if (kind.error) throw new ServerError(kind.error.code, kind.error.message, 200);
  return {
    kind: kind.result,
    ttlMs: ttlMs.result ?? -1,
    encoding: encoding.result ?? null,
    bytes: bytes.result ?? null,
  };
}
