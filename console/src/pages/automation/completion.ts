/** What can stand at a place of a definition's text. Pure. */

import type { Schemas } from "../../api/types";

export type Vocabulary = Schemas["VocabularyOut"];
type Part = Schemas["VocabularyPartOut"];

export interface Suggestion {
  label: string;
  insert: string;
  detail: string;
}

export interface Suggestions {
  from: number; // where the typed word begins
  found: Suggestion[];
}

const MOST = 12;
const COMPARED = new Set(["equals", "not_equals", "in", "not_in", "contains"]);

/** Return the parts or values that begin like the word before the caret. */
export function suggest(text: string, caret: number, vocabulary: Vocabulary): Suggestions {
  const lines = text.slice(0, caret).split("\n");
  const line = lines.pop() ?? "";
  const word = /[\w./-]*$/.exec(line)?.[0] ?? "";
  const head = line.slice(0, line.length - word.length);
  const parent = parentOf(head, lines);
  const key = /([A-Za-z_]+):\s+(?:\[[^\]{]*)?["']?$/.exec(head)?.[1];
  const given = key ? [] : givenKeys(head, lines);
  const all = key ? values(key, parent, head, lines, vocabulary) : [...parts(parent, vocabulary), ...(/^\s*-\s*$/.test(head) ? values(parent, "", head, lines, vocabulary) : [])];
  const begin = word.toLowerCase();
  const found = all.filter((one) => one.label.toLowerCase().startsWith(begin) && one.label !== word && !given.includes(one.label));
  return { from: caret - word.length, found: found.slice(0, MOST) };
}

function parts(place: string, { places }: Vocabulary): Suggestion[] {
  const own = places.find((one) => one.key === place)?.parts ?? [];
  const inOrder = [...own].sort((a, b) => Number(b.is_required) - Number(a.is_required));
  return inOrder.map((part) => ({ label: part.name, insert: `${part.name}: `, detail: part.description }));
}

function values(key: string, parent: string, head: string, above: string[], vocabulary: Vocabulary): Suggestion[] {
  const plain = (names: readonly string[], detail = "") => names.map((name) => ({ label: name, insert: name, detail }));
  if (key === "field") return vocabulary.fields.map(({ path, description }) => ({ label: path, insert: path, detail: description }));
  if (COMPARED.has(key)) {
    const near = [...above.slice(-2), head].join("\n");
    const path = [...near.matchAll(/field:\s*([\w.]+)/g)].pop()?.[1];
    const field = vocabulary.fields.find((one) => one.path === path);
    return plain(field?.values ?? [], field?.description);
  }
  const part = partOf(key, parent, vocabulary);
  return plain(part?.values ?? [], part?.description);
}

/** The part with this name, at this place if it has one, else at any. */
function partOf(name: string, place: string, { places }: Vocabulary): Part | undefined {
  const own = places.find((one) => one.key === place)?.parts.find((one) => one.name === name);
  return own ?? places.flatMap((one) => one.parts).find((one) => one.name === name && one.values.length > 0);
}

/** The key that contains this place: of an open `{` on the line, else by indentation. Empty: the definition itself. */
function parentOf(head: string, above: string[]): string {
  const open = openBrace(head);
  if (open >= 0) {
    const key = /([A-Za-z_]+):\s*\[?\s*(?:\{[^{}]*\},\s*)*$/.exec(head.slice(0, open))?.[1];
    if (key) return key;
    return byIndent(columnOf(head.slice(0, open)), above);
  }
  return byIndent(columnOf(head), above);
}

/** The keys that the mapping at this place already has, above or before it. */
function givenKeys(head: string, above: string[]): string[] {
  const open = openBrace(head);
  if (open >= 0) return [...head.slice(open).matchAll(/([A-Za-z_]+):/g)].map(([, key]) => key as string);
  if (/^\s*-/.test(head)) return [];
  const [column, keys] = [columnOf(head), [] as string[]];
  for (const line of [...above].reverse()) {
    if (line.trim() && columnOf(line) < column) break;
    const key = /^([A-Za-z_]+):/.exec(line.slice(column))?.[1];
    if (key && columnOf(line) === column) keys.push(key);
    if (/^\s*-/.test(line) && columnOf(line) === column) break;
  }
  return keys;
}

function openBrace(head: string): number {
  let closed = 0;
  for (let at = head.length - 1; at >= 0; at--) {
    if (head[at] === "}") closed++;
    else if (head[at] === "{" && closed-- === 0) return at;
  }
  return -1;
}

/** The column at which the keys of a line stand: after its spaces and dashes. */
const columnOf = (line: string): number => /^\s*(?:-\s*)*/.exec(line)?.[0].length ?? 0;

function byIndent(column: number, above: string[]): string {
  for (const line of [...above].reverse()) {
    const key = /([A-Za-z_]+):\s*$/.exec(line)?.[1];
    if (key && columnOf(line) < column) return key;
    if (line.trim() && columnOf(line) === 0 && column === 0) return "";
  }
  return "";
}
