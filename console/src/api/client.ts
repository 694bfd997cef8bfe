/** The API, with types from `docs/openapi.json`. */

import createClient from "openapi-fetch";
import { Offline, readProblem } from "./problem";
import type { paths } from "./schema";
import { accessToken, dropToken, end, send } from "./session";

export const api = createClient<paths>({ baseUrl: "", fetch: authorized });

/** Return the data of a call that answers JSON, also if other formats can be asked for. Throws Problem and Offline. */
export async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<Exclude<T, string>> {
  return (await call).data as Exclude<T, string>;
}

/** The header of an edit: it is refused if somebody else has changed the object since `version`. */
export const ifMatch = (version: number) => ({ "If-Match": `"${version}"` });

const SEARCH = "/api/search"; // changes nothing, so that its answer need not be kept

/** Keys of calls whose answer was lost. The same call again gets the same key, so that it is never done twice. */
const lost = new Map<string, string>();

export async function authorized(request: Request): Promise<Response> {
  if (request.method !== "POST" || request.headers.has("Idempotency-Key") || request.url.endsWith(SEARCH)) return checked(await answered(request));
  const call = await nameOf(request);
  const key = lost.get(call) ?? randomKey();
  lost.delete(call); // the same call at the same time gets a key of its own: the API refuses a key that is under way
  request.headers.set("Idempotency-Key", key);
  try {
    const response = await answered(request);
    if (response.status >= 500) lost.set(call, key);
    return await checked(response);
  } catch (error) {
    if (error instanceof Offline) lost.set(call, key);
    throw error;
  }
}

async function checked(response: Response): Promise<Response> {
  if (!response.ok && response.status !== 304) throw await readProblem(response);
  return response;
}

const nameOf = async (request: Request): Promise<string> => `${request.url} ${await request.clone().text()}`;

async function answered(request: Request): Promise<Response> {
  const response = await attempt(request.clone());
  if (response.status !== 401) return response;
  dropToken();
  const second = await attempt(request);
  if (second.status === 401) end();
  return second;
}

async function attempt(request: Request): Promise<Response> {
  const token = await accessToken();
  if (token) request.headers.set("Authorization", `Bearer ${token}`);
  return send(request);
}

/** `crypto.randomUUID` needs https. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");
}
