/** Request bodies as forms: the part of JSON Schema that docs/openapi.json uses, drafts and merge patches. */

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

/** A schema without references; vite.config.ts makes it from docs/openapi.json: `import Team from "openapi:TeamIn"`. */
export interface FormSchema {
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: Json[];
  default?: Json;
  "x-lines"?: boolean; // a text of several lines
  writeOnly?: boolean;
  maxLength?: number;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  required?: string[];
  properties?: Record<string, FormSchema>;
  items?: FormSchema;
  anyOf?: FormSchema[];
  oneOf?: FormSchema[];
}

export const isObject = (value: Json | undefined): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** The schema of the value, if it is not null. */
export function present(schema: FormSchema): FormSchema {
  const inner = schema.anyOf?.find((one) => one.type !== "null");
  return inner ? { ...inner, description: schema.description ?? inner.description } : schema;
}

export const mayBeNull = (schema: FormSchema): boolean =>
  (schema.anyOf?.some((one) => one.type === "null") ?? false) || (Array.isArray(schema.type) && schema.type.includes("null"));

export const typeOf = (schema: FormSchema): string => (Array.isArray(schema.type) ? (schema.type.find((one) => one !== "null") ?? "") : (schema.type ?? ""));

/** The values with which a form begins: those of the object, else the defaults. Secrets are never among them. */
export function draftOf(schema: FormSchema, from: JsonObject = {}): JsonObject {
  const draft: JsonObject = {};
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const value = from[name] ?? property.default;
    if (value !== undefined && !property.writeOnly) draft[name] = value;
  }
  return draft;
}

export const isSame = (one: Json | undefined, other: Json | undefined): boolean => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** The merge patch (RFC 7396) from one value to the other: only what differs. Lists are replaced as a whole, objects too if so asked. */
export function patchOf(before: JsonObject, after: JsonObject, replacesParts = false): JsonObject {
  const patch: JsonObject = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, next] = [before[name], after[name]];
    if (isSame(old, next)) continue;
    patch[name] = !replacesParts && isObject(old) && isObject(next) ? patchOf(old, next) : (next ?? null);
  }
  return patch;
}

/** After somebody else's change: their values, except where this form was edited. */
export function rebase(before: JsonObject, mine: JsonObject, theirs: JsonObject): JsonObject {
  const merged = { ...theirs };
  for (const name of Object.keys(mine)) if (!isSame(mine[name], before[name])) merged[name] = mine[name] as Json;
  return merged;
}
