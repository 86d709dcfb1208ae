// Requests to the server. Arrays travel as raw little-endian bytes; X-Shape and X-Dtype describe them.

export const AGAIN = 2000; // ms until a server that was gone is asked again
const TYPES = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array };

/** An answer that is no success: `status`, and what the server says. */
export class Refused extends Error {
  constructor(status, content) {
    super(content.error ?? `status ${status}`);
    this.status = status;
    this.revision = content.revision;
  }
}

/** No answer at all. */
export class Gone extends Error {
  constructor() {
    super("The server does not answer. If its command has ended, start it again, with " +
      `--port ${location.port}.`);
  }
}

const LOCKED = "The server was started anew. Open the address that its command printed in another " +
  "tab; then this one works again.";

/** An answer of the server; throws Gone or Refused. */
async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Gone();
  }
  if (response.ok) return response;
  if (response.status === 401) throw new Refused(401, { error: LOCKED });
  let content = {};
  try {
    content = JSON.parse(await response.text());
  } catch {
    // Not JSON: the guard answers in plain text.
  }
  throw new Refused(response.status, content);
}

/** Whether asking again later may help. */
export function mayReturn(error) {
  return error instanceof Gone || (error instanceof Refused && error.status === 401);
}

export async function getJSON(path, options = {}) {
  return (await ask(path, options)).json();
}

/** {data, shape, revision}: float16 arrives as Float32Array; `data` is null if there is nothing. */
export async function getArray(path, options = {}) {
  const response = await ask(path, options);
  if (response.status === 204) return { data: null, shape: [], revision: revisionOf(response) };
  const buffer = await response.arrayBuffer();
  const shape = response.headers.get("X-Shape").split(",").map(Number);
  const dtype = response.headers.get("X-Dtype");
  const data = dtype === "float16" ? widened(buffer) : new TYPES[dtype](buffer);
  return { data, shape, revision: revisionOf(response) };
}

export async function send(method, path, content, revision) {
  const headers = { "Content-Type": "application/json" };
  if (revision !== undefined) headers["If-Match"] = `"${revision}"`;
  const body = JSON.stringify(content);
  return (await ask(path, { method, headers, body })).json();
}

/** Shows the server a photo; returns its number. */
export async function upload(file) {
  return (await (await ask("/api/upload", { method: "POST", body: file })).json()).n;
}

/** Saves labels (Uint8Array) as the mask that replaces `revision`; returns the new revision. */
export async function putMask(number, labels, revision) {
  const packing = new Blob([labels]).stream().pipeThrough(new CompressionStream("gzip"));
  const body = await new Response(packing).blob();
  const headers = { "If-Match": `"${revision}"`, "Content-Type": "application/gzip" };
  return (await (await ask(`/api/${number}/mask`, { method: "PUT", headers, body })).json()).revision;
}

export function revisionOf(response) {
  return (response.headers.get("ETag") ?? "").replaceAll('"', "");
}

let table = null;

/** Half precision to single: by a table of all 65536 numbers, made once. */
export function widened(buffer) {
  if (table === null) {
    table = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) {
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      let value;
      if (exponent === 0) value = fraction * 2 ** -24;
      else if (exponent === 31) value = fraction ? NaN : Infinity;
      else value = (1 + fraction / 1024) * 2 ** (exponent - 15);
      table[bits] = bits & 32768 ? -value : value;
    }
  }
  const halves = new Uint16Array(buffer);
  const wide = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) wide[i] = table[halves[i]];
  return wide;
}
