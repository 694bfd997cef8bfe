/** Errors of the API (RFC 9457). Their sentences are shown as they are. */

import type { Schemas } from "./types";

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: { pointer: string; message: string }[];
  readonly retryAfter: number | null; // seconds
  readonly body: Partial<Schemas["Problem"]>;

  constructor(status: number, body: Partial<Schemas["Problem"]>, retryAfter: number | null) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.errors = body.errors ?? [];
    this.retryAfter = retryAfter;
    this.body = body;
  }

  /** Return the message for one field of the request body, by its JSON pointer. */
  at(pointer: string): string | undefined {
    return this.errors.find((error) => error.pointer === pointer)?.message;
  }
}

/** The clinics of which the user must choose one to sign in. */
export function clinicsOf(error: unknown): { slug: string; name: string }[] {
  return error instanceof Problem && error.code === "several-clinics" ? ((error.body.clinics ?? []) as { slug: string; name: string }[]) : [];
}

/** No answer arrived: the network or the server is away. */
export class Offline extends Error {}

export async function readProblem(response: Response): Promise<Problem> {
  const wait = Number(response.headers.get("Retry-After"));
  const body = await response.json().catch(() => ({ title: response.statusText }));
  return new Problem(response.status, body, Number.isFinite(wait) && wait > 0 ? wait : null);
}

/** Return all sentences of an error, with the field that each is about. */
export function sentences(error: unknown): string[] {
  if (!(error instanceof Problem) || error.errors.length === 0) return [error instanceof Error ? error.message : ""];
  return error.errors.map(({ pointer, message }) => {
    const field = pointer.split("/").filter(Boolean).join(" › ").replaceAll("_", " ");
    return field ? `${field}: ${message}` : message;
  });
}
