/** Rules, sequences and nurtures as one shape. The API has a family of routes for each; they differ only here. */

import { api, ifMatch, ok } from "../../api/client";
import type { Schemas } from "../../api/types";

export type Family = "rules" | "sequences" | "nurtures";
export type Kind = Schemas["ReadIn"]["kind"];
export type Text = Record<string, unknown>;

export interface Definition {
  family: Family;
  id: string;
  name: string;
  version: number;
  isActive: boolean;
  published: Text | null;
  draft: Text | null;
  number: number | null; // of the published version
  pausedBecause: string | null;
  playbook: string | null;
  warnings: Schemas["WarningOut"][];
  updatedAt: string;
  nextRunAt: string | null; // of a nurture
  enrolled: number | null; // of a nurture: leads
  runs: Schemas["RunsOut"] | null; // of a rule
}

export const KIND_OF: Record<Family, Kind> = { rules: "rule", sequences: "sequence", nurtures: "nurture" };

export const familyOf = (name: string | undefined): Family | null => (name === "rules" || name === "sequences" || name === "nurtures" ? name : null);

type Versioned = Schemas["FollowUpRuleOut"] | Schemas["SequenceOut"];

function versioned(family: Family, { definition, draft, ...row }: Versioned): Definition {
  return {
    ...common(family, row),
    published: definition as Text | null,
    draft: draft as Text | null,
    number: row.published_version,
    pausedBecause: row.paused_because,
    warnings: row.warnings,
    nextRunAt: null,
    enrolled: null,
    runs: "runs" in row ? row.runs : null,
  };
}

const NURTURE = ["name", "sequence", "score_from", "score_to", "silent_for", "run_hours", "days", "most", "batch"] as const;

function nurture(row: Schemas["NurtureOut"]): Definition {
  const published = Object.fromEntries(NURTURE.filter((name) => row[name] !== null).map((name) => [name, row[name]]));
  return { ...common("nurtures", row), published, draft: null, number: row.version, pausedBecause: null, warnings: [], nextRunAt: row.next_run_at, enrolled: row.enrolled, runs: null };
}

interface Row {
  id: string;
  name: string;
  version: number;
  is_active: boolean;
  playbook: string | null;
  updated_at: string;
}

const common = (family: Family, row: Row) => ({
  family,
  id: row.id,
  name: row.name,
  version: row.version,
  isActive: row.is_active,
  playbook: row.playbook,
  updatedAt: row.updated_at,
});

export async function list(family: Family, cursor?: string): Promise<{ items: Definition[]; next_cursor: string | null }> {
  const params = { query: { limit: 100, cursor } };
  if (family === "nurtures") {
    const page = await ok(api.GET("/api/nurtures", { params }));
    return { ...page, items: page.items.map(nurture) };
  }
  const page = await (family === "rules" ? ok(api.GET("/api/follow-up-rules", { params })) : ok(api.GET("/api/sequences", { params })));
  return { ...page, items: page.items.map((row) => versioned(family, row)) };
}

export async function load(family: Family, id: string): Promise<Definition> {
  if (family === "rules") return versioned(family, await ok(api.GET("/api/follow-up-rules/{follow_up_rule_id}", { params: { path: { follow_up_rule_id: id } } })));
  if (family === "sequences") return versioned(family, await ok(api.GET("/api/sequences/{sequence_id}", { params: { path: { sequence_id: id } } })));
  return nurture(await ok(api.GET("/api/nurtures/{nurture_id}", { params: { path: { nurture_id: id } } })));
}

/** Create a definition. A draft is published later; nurtures have no drafts. */
export async function create(family: Family, definition: Text, isDraft: boolean): Promise<Definition> {
  const body = { ...definition, is_draft: isDraft } as unknown;
  if (family === "rules") return versioned(family, await ok(api.POST("/api/follow-up-rules", { body: body as Schemas["FollowUpRuleIn"] })));
  if (family === "sequences") return versioned(family, await ok(api.POST("/api/sequences", { body: body as Schemas["SequenceIn"] })));
  return nurture(await ok(api.POST("/api/nurtures", { body: definition as Schemas["NurtureIn"] })));
}

/** Change these fields. Fields that are null are removed. Refused if somebody else has changed it since `version`. */
export async function change(one: Pick<Definition, "family" | "id" | "version">, changes: Text): Promise<Definition> {
  const header = ifMatch(one.version);
  if (one.family === "rules")
    return versioned(one.family, await ok(api.PATCH("/api/follow-up-rules/{follow_up_rule_id}", { params: { path: { follow_up_rule_id: one.id }, header }, body: changes as Schemas["FollowUpRuleChange"] })));
  if (one.family === "sequences")
    return versioned(one.family, await ok(api.PATCH("/api/sequences/{sequence_id}", { params: { path: { sequence_id: one.id }, header }, body: changes as Schemas["SequenceChange"] })));
  return nurture(await ok(api.PATCH("/api/nurtures/{nurture_id}", { params: { path: { nurture_id: one.id }, header }, body: changes as Schemas["NurtureChange"] })));
}

/** Save another text: the parts that it no longer has are removed. */
export function save(one: Definition, text: Text, isDraft: boolean): Promise<Definition> {
  const before = one.draft ?? one.published ?? {};
  const gone = Object.fromEntries(Object.keys(before).filter((name) => !(name in text)).map((name) => [name, null]));
  if (one.family === "nurtures") {
    const { name: _, ...rest } = text;
    return change(one, { ...gone, ...rest });
  }
  return change(one, { ...gone, ...text, is_draft: isDraft });
}

/** Publish the draft. Refused if somebody else has changed it since `version`. */
export async function publish(one: Definition): Promise<unknown> {
  const header = ifMatch(one.version);
  if (one.family === "rules") return ok(api.POST("/api/follow-up-rules/{follow_up_rule_id}/publish", { params: { path: { follow_up_rule_id: one.id }, header } }));
  return ok(api.POST("/api/sequences/{sequence_id}/publish", { params: { path: { sequence_id: one.id }, header } }));
}

export async function remove(one: Definition): Promise<unknown> {
  const header = ifMatch(one.version);
  if (one.family === "rules") return ok(api.DELETE("/api/follow-up-rules/{follow_up_rule_id}", { params: { path: { follow_up_rule_id: one.id }, header } }));
  if (one.family === "sequences") return ok(api.DELETE("/api/sequences/{sequence_id}", { params: { path: { sequence_id: one.id }, header } }));
  return ok(api.DELETE("/api/nurtures/{nurture_id}", { params: { path: { nurture_id: one.id }, header } }));
}

export async function rollBack(one: Definition, number: number): Promise<unknown> {
  const [body, header] = [{ number }, ifMatch(one.version)];
  if (one.family === "rules") return ok(api.POST("/api/follow-up-rules/{follow_up_rule_id}/rollback", { params: { path: { follow_up_rule_id: one.id }, header }, body }));
  return ok(api.POST("/api/sequences/{sequence_id}/rollback", { params: { path: { sequence_id: one.id }, header }, body }));
}

export async function versionsOf(one: Definition) {
  if (one.family === "rules") return (await ok(api.GET("/api/follow-up-rules/{follow_up_rule_id}/versions", { params: { path: { follow_up_rule_id: one.id } } }))).items;
  return (await ok(api.GET("/api/sequences/{sequence_id}/versions", { params: { path: { sequence_id: one.id } } }))).items;
}

/** The differences of a version to the one before it. Null: the draft, to the published version. */
export async function compare(one: Definition, after: number | null) {
  const query = after === null ? {} : { after, ...(after > 1 && { before: after - 1 }) };
  if (one.family === "rules") return ok(api.GET("/api/follow-up-rules/{follow_up_rule_id}/diff", { params: { path: { follow_up_rule_id: one.id }, query } }));
  return ok(api.GET("/api/sequences/{sequence_id}/diff", { params: { path: { sequence_id: one.id }, query } }));
}

export async function simulate(one: Definition, body: Schemas["SimulationIn"]) {
  if (one.family === "rules") return ok(api.POST("/api/follow-up-rules/{follow_up_rule_id}/simulate", { params: { path: { follow_up_rule_id: one.id } }, body }));
  return ok(api.POST("/api/sequences/{sequence_id}/simulate", { params: { path: { sequence_id: one.id } }, body }));
}

/** Read a definition: its text, words, picture and mistakes. Nothing is written. */
export const read = (family: Family, given: { text: string } | { definition: Text }) => ok(api.POST("/api/definitions/read", { body: { kind: KIND_OF[family], ...given } }));
