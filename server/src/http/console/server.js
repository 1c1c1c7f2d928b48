// Asking the server, as any client of its HTTP does. The password is held here, in memory, and ends with the page.

import { base64, bytesOf } from "./words.js";

let authorization = null;
/** The database that is looked at. */
let database = 0;

export class ServerError extends Error {
  constructor(code, message, status) {
    super(`${code} ${message}`);
    this.code = code;
    this.status = status;
  }
}

export function remember(user, password) {
  authorization = `Basic ${base64(bytesOf(`${user}:${password}`))}`;
}

export function forget() {
  authorization = null;
}

export function chooseDatabase(number) {
  database = number;
}

export function chosenDatabase() {
  return database;
}

/** Runs a command, and returns what it replies; throws what it says is wrong. */
export async function ask(...words) {
  return (await post("/v1/command", words)).result;
}

/** Runs commands. Each reply is `{result}` or `{error}`. */
export function askAll(commands, { atomic = false } = {}) {
  return post("/v1/pipeline", commands, atomic ? "&atomic=true" : "");
}

/** Runs commands, and throws if one fails. */
export async function doAll(commands, options) {
  const replies = await askAll(commands, options);
  const failed = replies.find((reply) => reply.error)?.error;
  if (failed) throw new ServerError(failed.code, failed.message, 200);
  return replies.map((reply) => reply.result);
}

async function post(path, body, more = "") {
  const headers = { "Content-Type": "application/json" };
  if (authorization) headers.Authorization = authorization;
  const request = { method: "POST", headers, body: JSON.stringify(body), credentials: "omit", cache: "no-store" };
  let response;
  try {
    response = await fetch(`${path}?db=${database}${more}`, request);
  } catch {
    throw new ServerError("OFFLINE", "The server can't be reached.", 0);
  }
  const answer = parsed(await response.text());
  if (response.ok) return answer;
  if (response.status === 401) dispatchEvent(new Event("locked"));
  throw new ServerError(answer.error.code, answer.error.message, response.status);
}

/** JSON, in which an integer that this language can't hold is a text. */
function parsed(text) {
  return JSON.parse(text, (_, value, context) => {
    const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
    return isRounded ? context?.source ?? value : value;
  });
}

/** The fields of INFO, and for each section of `name:field=value,…` lines an object by name. */
export function fields(info) {
  const found = {};
  for (const line of info.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) found[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return found;
}

/** The parts of `a=1,b=2`, or with blanks between. */
export function pairs(text, between = ",") {
  return Object.fromEntries(text.split(between).map((pair) => {
    const equals = pair.indexOf("=");
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  }));
}
