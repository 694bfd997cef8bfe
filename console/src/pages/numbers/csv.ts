/** The shown reports as a CSV file, which the browser saves. */

import type { QueryClient } from "@tanstack/react-query";
import { numbersTexts as t } from "../../texts/numbers";
import type { Report } from "./query";

/** All reports of this query that are loaded, one below the other. */
export function toCsv(client: QueryClient, query: object): string {
  const lines: string[][] = [];
  for (const name of Object.keys(t.reports)) {
    const report = client.getQueryData<Report>(["leads", "numbers", name, query]);
    if (!report) continue;
    const metrics = report.definitions;
    lines.push([t.reports[name] ?? name], [t.rowOf[name] ?? t.rows, ...metrics.map((one) => `${one.label} (${one.unit})`)]);
    for (const row of report.rows)
      lines.push([row.label, ...metrics.map(({ metric }) => String(row.figures.find((one) => one.metric === metric)?.value ?? ""))]);
    lines.push([]);
  }
  return lines.map((line) => line.map(cell).join(",")).join("\r\n");
}

/** A cell that a spreadsheet never reads as a formula. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export function save(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob([`\ufeff${content}`], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
