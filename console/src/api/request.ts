/** Calls whose path is a value, such as those of the settings pages. `api` of client.ts knows the types of fixed paths. */

import { authorized, ifMatch } from "./client";

interface Given {
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
  version?: number | undefined;
}

/** Return the JSON of the answer; undefined for one without a body. Throws Problem and Offline. */
export async function request<T>(method: string, path: string, { body, query = {}, version }: Given = {}): Promise<T> {
  const given = Object.entries(query).flatMap(([name, value]) => (value === undefined || value === "" ? [] : [[name, String(value)]]));
  const address = given.length ? `${path}?${new URLSearchParams(given as [string, string][])}` : path;
  const headers: Record<string, string> = version === undefined ? {} : ifMatch(version);
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await authorized(new Request(address, { method, headers, body: body === undefined ? null : JSON.stringify(body) }));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** Download a file of the API, which needs the access token. */
export async function download(path: string, name: string, query: Record<string, string> = {}): Promise<void> {
  const given = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  const response = await authorized(new Request(`${path}?${given}`));
  const address = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
