/**
 * The sign-in of this page. The access token is only in memory. The refresh token is in a cookie that no script can
 * read; each is valid once, so tabs renew one after the other (Web Locks).
 */

import { Offline, readProblem } from "./problem";
import { createStore } from "./store";

type State = "unknown" | "in" | "out";

const PATH = "/api/auth/browser-session";
const EARLY = 30_000; // milliseconds; a token is renewed this long before it ends
const HEADERS = { "X-Relance-Console": "1" };

export const session = createStore<State>("unknown");
export const isOnline = createStore(navigator.onLine);
window.addEventListener("offline", () => isOnline.set(false));
window.addEventListener("online", () => isOnline.set(true));

let token = "";
let validUntil = 0;
let renewing: Promise<string> | null = null;

/** Return a valid access token, or "" if nobody is signed in. Throws Offline. */
export async function accessToken(): Promise<string> {
  if (token && Date.now() < validUntil - EARLY) return token;
  if (session.get() === "out") return "";
  renewing ??= inTurn(renew).finally(() => {
    renewing = null;
  });
  return renewing;
}

/** Forget the access token, which the API has refused. */
export function dropToken(): void {
  token = "";
}

export async function signIn(email: string, password: string): Promise<void> {
  const body = JSON.stringify({ email, password });
  const response = await inTurn(() => call("POST", PATH, body));
  if (!response.ok) throw await readProblem(response);
  await keep(response);
}

export async function signOut(): Promise<void> {
  await inTurn(() => call("DELETE", PATH));
  end();
}

/** Show the sign-in page, for example after a changed password has ended all sign-ins. */
export function end(): void {
  token = "";
  session.set("out");
}

async function renew(): Promise<string> {
  const response = await call("POST", `${PATH}/refresh`);
  if (response.ok) return keep(response);
  if (response.status >= 500) throw await readProblem(response);
  end();
  return "";
}

async function keep(response: Response): Promise<string> {
  const given: { access_token: string; expires_in: number } = await response.json();
  token = given.access_token;
  validUntil = Date.now() + given.expires_in * 1000;
  session.set("in");
  return token;
}

async function call(method: string, path: string, body?: string): Promise<Response> {
  const headers = body ? { ...HEADERS, "Content-Type": "application/json" } : HEADERS;
  return send(new Request(path, { method, headers, body, credentials: "same-origin", keepalive: true }));
}

/** Fetch, and note whether an answer arrived. Throws Offline. */
export async function send(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    isOnline.set(true);
    return response;
  } catch (failure) {
    if (request.signal.aborted) throw failure;
    isOnline.set(false);
    throw new Offline();
  }
}

/** Browsers have locks only in a secure context; without one, only this tab is in order. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request("relance-session", work) : work();
}
