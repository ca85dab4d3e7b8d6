// SPDX-License-Identifier: Apache-2.0
// api: everything the page asks the server. Failures are ApiErrors, which say what happened and what to do about it.
//
// The page uses the server's public API alone (/v1/..., /api/..., /metrics), with the key the user gave. Addresses are
// relative, so a proxy may put the page below any path.
import { key } from "./prefs.js";
import { events } from "./sse.js";
import { t } from "./words.js";

export class ApiError extends Error {
  /** kind: "network", "key", "busy", "request" or "server" */
  constructor(kind, message, { status = 0, retryAfter = 0 } = {}) {
    super(message);
    this.kind = kind;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** What the user can do. */
  get remedy() {
    switch (this.kind) {
      case "network":
        return t("Is moat serve still running on that machine? Your text is kept; try again when it is.");
      case "key":
        return t("Enter a key; who runs the server makes one with: moat key add NAME");
      case "busy":
        return t("The server has all the work it can take, or is loading its model. Try again in a moment.");
      case "server":
        return t("That is a fault of the server. Try again; its log says more.");
      default:
        return this.status === 404 ? t("Choose another model above.") : t("Change the message or its settings, then send it again.");
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
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  return new ApiError(kindOf(response.status), wordsOf(body, response.status), { status: response.status, retryAfter });
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
  if (!response.ok) throw await failure(response);
  return response;
}

export async function getJson(path) {
  return (await ask(path)).json();
}

const absent = new Set();

/** The same of what not every server has or gives to everybody: null without it, and a path that is not there is not
 *  asked for again. */
export async function getOptional(path) {
  if (absent.has(path)) return null;
  try {
    return await getJson(path);
  } catch (e) {
    if (e.status === 404) absent.add(path);
    return null;
  }
}

export async function getText(path) {
  return (await ask(path)).text();
}

/** Posts and reads the answer's parts as they come: calls onPart with each decoded event until "[DONE]". */
export async function chat(body, signal, onPart) {
  const response = await ask("v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
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
  if (part.error) throw new ApiError(kindOf(part.error.status ?? 500), wordsOf(part, 500));
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
