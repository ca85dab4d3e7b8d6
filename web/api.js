// SPDX-License-Identifier: Apache-2.0
// api: everything the page asks the server. Failures are ApiErrors, which say what happened and what to do about it.
//
// The page uses the server's public API alone (/v1/..., /api/..., /metrics), with the key the user gave. Addresses are
// relative, so a proxy may put the page below any path.
import { key } from "./prefs.js";
import { events } from "./sse.js";
import { t } from "./words.js";

/** What the user can do about an error that the server gives a name. */
const REMEDIES = {
  rate_limit_exceeded: t("That is the limit of your key. Wait a moment; who runs the server can give it more (moat key add NAME --requests-per-minute N --tokens-per-minute N)."),
  context_length_exceeded: t("Begin a new conversation, shorten the message or its files, or have the server started with a larger --context."),
  model_not_found: t("Choose another model above."),
  model_load_failed: t("Choose another model above, or ask who runs the server: moat doctor says what this machine can run."),
  engine_lost: t("Try again: what was written so far is kept."),
  timeout: t("Ask for a shorter answer (Most tokens in the settings), or try again when the server has less to do."),
};

export class ApiError extends Error {
  /** kind: "network", "key", "busy", "request" or "server"; code: the server's own name for it, or ""; body: what it sent */
  constructor(kind, message, { status = 0, code = "", retryAfter = 0, body = null } = {}) {
    super(message);
    Object.assign(this, { kind, status, code, retryAfter, body });
  }

  /** What the user can do. */
  get remedy() {
    if (REMEDIES[this.code]) return REMEDIES[this.code];
    switch (this.kind) {
      case "network":
        return t("Is moat serve still running on that machine? Your text is kept; try again when it is.");
      case "key":
        return this.status === 403 ? t("Use another key, or choose a model that yours may use.") : t("Enter a key; who runs the server makes one with: moat key add NAME");
      case "busy":
        return t("The server has all the work it can take, or is loading its model. Try again in a moment.");
      case "server":
        return t("That is a fault of the server. Try again; its log says more.");
      default:
        return t("Change the message or its settings, then send it again.");
    }
  }
}

function kindOf(status) {
  if (status === 401 || status === 403) return "key";
  if (status === 429 || status === 503) return "busy";
  return status >= 500 ? "server" : "request";
}

/** The words of an error in any of the server's dialects. */
function wordsOf(body, status) {
  const e = body?.error;
  return (typeof e === "string" ? e : e?.message) || t("the server answered with status {status}", { status });
}

async function failure(response) {
  let body = null;
  try {
    body = await response.json();
  } catch {
    // not ours: a proxy's page, perhaps
  }
  const retryAfter = Number(response.headers.get("Retry-After")) || 0, code = body?.error?.code ?? "";
  return new ApiError(kindOf(response.status), wordsOf(body, response.status), { status: response.status, code, retryAfter, body });
}

/** What the key may still do in this minute, as the last answer that told it said: {requests: {limit, left}, tokens: {limit, left}} */
export const allowance = {};

function note(headers) {
  for (const what of ["requests", "tokens"]) {
    const limit = headers.get("x-ratelimit-limit-" + what), left = headers.get("x-ratelimit-remaining-" + what);
    if (limit !== null) allowance[what] = { limit: Number(limit), left: Number(left) };
  }
}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (key()) headers.Authorization = "Bearer " + key();
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new ApiError("network", t("The server cannot be reached."));
  }
  note(response.headers);
  if (!response.ok) throw await failure(response);
  return response;
}

/** Posts an object. */
function send(path, body, signal = null) {
  return ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

export async function postJson(path, body, signal = null) {
  return (await send(path, body, signal)).json();
}

export async function getJson(path) {
  return (await ask(path)).json();
}

const absent = new Set();

/** The same of what not every server has or gives to everybody: null without it, and a path that is not there is not
 *  asked for again. /ready answers 503 while a model is loaded, and says how far that is. */
export async function getOptional(path) {
  if (absent.has(path)) return null;
  try {
    return await getJson(path);
  } catch (e) {
    if (e.status === 404) absent.add(path);
    return e.body?.models ? e.body : null;
  }
}

export async function getText(path) {
  return (await ask(path)).text();
}

/** Posts and reads the answer's parts as they come: calls onPart with each decoded event until "[DONE]". */
export async function stream(path, body, signal, onPart) {
  const response = await send(path, { ...body, stream: true, stream_options: { include_usage: true } }, signal);
  let whole = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") whole = true;
      else take(JSON.parse(data), onPart);
    }
  } catch (e) {
    if (e.name === "AbortError" || e instanceof ApiError) throw e;
    throw new ApiError("network", t("The connection broke off in the middle of the answer."));
  }
  if (!whole) throw new ApiError("network", t("The connection broke off in the middle of the answer."));
}

function take(part, onPart) {
  if (part.error) throw new ApiError(kindOf(part.error.status ?? 500), wordsOf(part, 500), { code: part.error.code ?? "" });
  onPart(part);
}

/** Is the server ready, still loading, or gone? {ready, loading, message} */
export async function health() {
  try {
    await getJson("health");
    return { ready: true, loading: false, message: "" };
  } catch (e) {
    return { ready: false, loading: e.kind === "busy", message: e.message };
  }
}
