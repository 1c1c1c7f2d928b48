// Words of commands and replies. A word is a text, or `{base64}` where its bytes are no UTF-8; both go to the server as they are.

/** The bytes of a word. */
export function bytesOf(word) {
  if (typeof word !== "object") return new TextEncoder().encode(String(word));
  return Uint8Array.from(atob(word.base64), (char) => char.charCodeAt(0));
}

/** The word of some bytes. */
export function wordOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return { base64: base64(bytes) };
  }
}

export function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Whether a word is shown with escapes: it is no text, or has characters that a field for texts doesn't keep. */
export function isEscaped(word) {
  return typeof word === "object" && word !== null || /[\x00-\x08\x0b-\x1f\x7f]/.test(word);
}

const hex = (byte) => byte.toString(16).padStart(2, "0");

/** A word as it is shown: what is no text stands as `\xff`. */
export function shown(word) {
  if (!isEscaped(word)) return String(word);
  const chars = typeof word === "string" ? [...word] : Array.from(bytesOf(word), (byte) => String.fromCharCode(byte));
  const isPlain = (code) => code >= 0x20 && code < 0x7f || typeof word === "string" && code > 0x7f;
  return chars.map((char) => {
    const code = char.codePointAt(0);
    return char === "\\" ? "\\\\" : isPlain(code) ? char : `\\x${hex(code)}`;
  }).join("");
}

/** A word on one line, cut where it gets long. */
export function brief(word, length = 300) {
  const text = shown(word).replaceAll("\n", "⏎");
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** The word that somebody wrote where `before` was shown: escapes count if they were shown. */
export function written(text, before) {
  return isEscaped(before) ? wordOf(unescaped(text)) : text;
}

const ESCAPES = { n: 10, r: 13, t: 9, a: 7, b: 8 };

/** The bytes of a text with escapes. */
function unescaped(text) {
  const bytes = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.codePointAt(at);
    const pair = /^\\x([0-9a-f]{2})/i.exec(text.slice(at, at + 4));
    if (pair) {
      bytes.push(parseInt(pair[1], 16));
      at += 3;
    } else if (text[at] === "\\" && at + 1 < text.length) {
      at += 1;
      bytes.push(...(ESCAPES[text[at]] ? [ESCAPES[text[at]]] : bytesOf(text[at])));
    } else {
      bytes.push(...bytesOf(String.fromCodePoint(code)));
      at += code > 0xffff ? 1 : 0;
    }
  }
  return Uint8Array.from(bytes);
}

/** The words of a line, as a shell's: 'as it is', "with \n and \xff". Throws if a quote doesn't end. */
export function split(line) {
  const words = [];
  let rest = line.trimStart();
  while (rest) {
    const quoted = /^"((?:[^"\\]|\\[\s\S])*)"(?=\s|$)/.exec(rest) ?? /^'((?:[^'\\]|\\[\s\S])*)'(?=\s|$)/.exec(rest);
    const plain = quoted ?? /^[^\s"']\S*/.exec(rest);
    if (!plain) throw new Error("A quote doesn't end, or something follows it.");
    if (!quoted) words.push(plain[0]);
    else if (rest[0] === '"') words.push(wordOf(unescaped(quoted[1])));
    else words.push(quoted[1].replaceAll("\\'", "'"));
    rest = rest.slice(plain[0].length).trimStart();
  }
  return words;
}

/** A reply as people read it. */
export function formatted(value, margin = "") {
  if (value === null) return "(nil)";
  if (typeof value === "number") return `(number) ${value}`;
  if (typeof value === "boolean") return `(${value})`;
  if (typeof value === "string") return value.includes("\n") ? value : JSON.stringify(value);
  if (typeof value.base64 === "string" && Object.keys(value).length === 1) return `"${shown(value)}"`;
  if (value.error) return `(error) ${value.error.code} ${value.error.message}`;
  const isArray = Array.isArray(value);
  const parts = isArray ? value.map((part) => [null, part]) : Object.entries(value);
  if (parts.length === 0) return isArray ? "(empty array)" : "(empty map)";
  const width = String(parts.length).length;
  return parts.map(([name, part], place) => {
    const number = `${String(place + 1).padStart(width)}) `;
    const inner = margin + " ".repeat(number.length);
    const lead = name === null ? "" : `${JSON.stringify(name)} => `;
    return `${place ? margin : ""}${number}${lead}${formatted(part, inner)}`;
  }).join("\n");
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** A number of bytes. */
export function size(bytes) {
  let [value, unit] = [Number(bytes), 0];
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** A number as people read it. */
export function count(number) {
  return Number(number).toLocaleString("en", { maximumFractionDigits: number < 10 ? 1 : 0 });
}

/** A time of microseconds. */
export function time(us) {
  if (us < 1000) return `${count(us)} µs`;
  return us < 1e6 ? `${count(us / 1e3)} ms` : `${count(us / 1e6)} s`;
}

/** How long something lasts, of seconds. */
export function span(seconds) {
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24];
  const [minutes, rest] = [Math.floor(seconds / 60) % 60, Math.floor(seconds % 60)];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}
