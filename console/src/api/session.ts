/**
 * The sign-in of this page. The access token is only in memory. The refresh token is in a cookie that no script can
 * read; each is valid once, so tabs renew one after the other (Web Locks). If a sign-in ends by itself, the page stays
 * with all that is typed: calls wait until its user has signed in again.
 */

import { Offline, readProblem } from "./problem";
import { createStore } from "./store";

type State = "unknown" | "in" | "expired" | "out";

const PATH = "/api/auth/browser-session";
const EARLY = 30_000; // milliseconds; a token is renewed this long before it ends
const HEADERS = { "X-Relance-Console": "1" };

export const session = createStore<State>("unknown");
export const isOnline = createStore(navigator.onLine);
window.addEventListener("offline", () => isOnline.set(false));
window.addEventListener("online", () => isOnline.set(true));

let token = "";
let validUntil = 0;
let user = ""; // whose page this is
let renewing: Promise<string> | null = null;
let waiting: ((token: string) => void)[] = [];

/** Return a valid access token, or "" without a user. After the end of a sign-in it waits for the next. Throws Offline. */
export async function accessToken(): Promise<string> {
  if (token && Date.now() < validUntil - EARLY) return token;
  if (session.get() === "out") return "";
  if (session.get() === "expired") return signedInAgain();
  renewing ??= inTurn(renew).finally(() => {
    renewing = null;
  });
  return (await renewing) || (isExpired() ? signedInAgain() : "");
}

/** Try the cookie again: the user may have signed in again in another tab. */
export async function resume(): Promise<void> {
  if (isExpired()) await inTurn(renew);
}

/** Forget the access token, which the API has refused. */
export function dropToken(): void {
  token = "";
}

/** `clinic`: the slug of one clinic, if the address has accounts with this password in several. */
export async function signIn(email: string, password: string, clinic?: string): Promise<void> {
  const body = JSON.stringify({ email, password, clinic });
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
  user = "";
  session.set("out");
  release("");
}

const signedInAgain = (): Promise<string> => new Promise((resolve) => waiting.push(resolve));

function release(given: string): void {
  const calls = waiting;
  waiting = [];
  for (const resolve of calls) resolve(given);
}

async function renew(): Promise<string> {
  const response = await call("POST", `${PATH}/refresh`);
  if (response.ok && response.status !== 204) return keep(response);
  if (response.status >= 500) throw await readProblem(response);
  expire();
  return "";
}

/** The sign-in of this page's user has ended: the page stays, under a request to sign in again. */
function expire(): void {
  if (!user) return end();
  token = "";
  session.set("expired");
}

const isExpired = (): boolean => session.get() === "expired";

async function keep(response: Response): Promise<string> {
  const given: { access_token: string; expires_in: number } = await response.json();
  const signedIn = subjectOf(given.access_token);
  if (user && signedIn !== user) {
    location.reload(); // somebody else has signed in: nothing of the former user stays
    return new Promise(() => undefined);
  }
  user = signedIn;
  token = given.access_token;
  validUntil = Date.now() + given.expires_in * 1000;
  session.set("in");
  release(token);
  return token;
}

/** The user that a token is for (RFC 7519: `sub` of its second part). */
function subjectOf(jwt: string): string {
  const payload = (jwt.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  return String(JSON.parse(atob(payload)).sub);
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
