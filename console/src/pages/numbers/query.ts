/** Period, comparison and filters of Numbers. The address of the page has them, so that a bookmark keeps them. */

import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import type { Schemas } from "../../api/types";
import { toField } from "../../format";

export type Report = Schemas["AnalyticsOut"];
export type Row = Schemas["FigureRowOut"];
export type Figure = Schemas["FigureOut"];
export type Name = "summary" | "funnel" | "sources" | "campaigns" | "coordinators" | "lost-reasons" | "velocity" | "first-contact";

interface Query {
  from: string;
  to: string;
  compare?: "previous_period" | "previous_year";
  basis?: "cohort" | "period";
  by?: "day" | "week" | "month";
  source_id?: string;
  assigned_to_id?: string;
}

const DAY = 86_400_000;

/** The first day of the period, and the day after its last one, as the API takes them. */
export function daysOf(search: URLSearchParams, now = Date.now()): { from: string; to: string } {
  const today = toField(now).slice(0, 10);
  const [year = 0, month = 1] = today.split("-").map(Number);
  const first = (y: number, m: number) => new Date(Date.UTC(y, m - 1, 1)).toISOString().slice(0, 10);
  const tomorrow = plus(today, 1);
  switch (search.get("period") ?? "90") {
    case "month":
      return { from: first(year, month), to: tomorrow };
    case "last-month":
      return { from: first(year, month - 1), to: first(year, month) };
    case "quarter":
      return { from: first(year, month - ((month - 1) % 3)), to: tomorrow };
    case "year":
      return { from: first(year, 1), to: tomorrow };
    case "own":
      return { from: search.get("from") || plus(today, -89), to: plus(search.get("to") || today, 1) };
    default:
      return { from: plus(tomorrow, -Number(search.get("period") ?? 90)), to: tomorrow };
  }
}

export const plus = (day: string, days: number): string => new Date(Date.parse(`${day}T00:00Z`) + days * DAY).toISOString().slice(0, 10);

export function queryOf(search: URLSearchParams): Query {
  const { from, to } = daysOf(search);
  const given = (name: string) => search.get(name) || undefined;
  return {
    from,
    to,
    compare: given("compare") as Query["compare"],
    basis: (given("basis") ?? "cohort") as Query["basis"],
    source_id: given("source_id"),
    assigned_to_id: given("assigned_to_id"),
  };
}

/** Parts of the period for the chart over time: at most about 60. */
export function partsOf({ from, to }: { from: string; to: string }): NonNullable<Query["by"]> {
  const days = (Date.parse(to) - Date.parse(from)) / DAY;
  return days <= 31 ? "day" : days <= 200 ? "week" : "month";
}

export function useReport(name: Name, query: Query) {
  return useQuery({ queryKey: ["leads", "numbers", name, query], queryFn: () => load(name, query), placeholderData: (previous) => previous });
}

function load(name: Name, { basis, by, ...cohort }: Query): Promise<Report> {
  const whole = { params: { query: { ...cohort, basis, by } } };
  if (name === "summary") return ok(api.GET("/api/leads/analytics/summary", whole));
  if (name === "funnel") return ok(api.GET("/api/leads/analytics/funnel", whole));
  if (name === "sources") return ok(api.GET("/api/leads/analytics/sources", whole));
  if (name === "campaigns") return ok(api.GET("/api/leads/analytics/campaigns", whole));
  if (name === "coordinators") return ok(api.GET("/api/leads/analytics/coordinators", whole));
  if (name === "lost-reasons") return ok(api.GET("/api/leads/analytics/lost-reasons", whole));
  if (name === "velocity") return ok(api.GET("/api/leads/analytics/velocity", { params: { query: cohort } }));
  return ok(api.GET("/api/leads/analytics/first-contact", { params: { query: { ...cohort, by } } }));
}

/** The page with exactly the leads of a figure. */
export const leadsPath = (drill: string): string => drill.replace(/^\/api\/leads/, "/leads");
