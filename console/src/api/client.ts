/** The API, with types from `docs/openapi.json`. */

import createClient from "openapi-fetch";
import { readProblem } from "./problem";
import type { paths } from "./schema";
import { accessToken, dropToken, end, send } from "./session";

export const api = createClient<paths>({ baseUrl: "", fetch: authorized });

/** Return the data of a call. Throws Problem and Offline. */
export async function ok<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  return (await call).data as T;
}

/** The header of an edit: it is refused if somebody else has changed the object since `version`. */
export const ifMatch = (version: number) => ({ "If-Match": `"${version}"` });

async function authorized(request: Request): Promise<Response> {
  if (request.method === "POST" && !request.headers.has("Idempotency-Key")) {
    request.headers.set("Idempotency-Key", randomKey());
  }
  let response = await attempt(request.clone());
  if (response.status === 401) {
    dropToken();
    response = await attempt(request);
    if (response.status === 401) end();
  }
  if (!response.ok && response.status !== 304) throw await readProblem(response);
  return response;
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
