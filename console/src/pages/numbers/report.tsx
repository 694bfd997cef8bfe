/** One report: chart, table, definitions. Every figure opens into its leads. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import { dayOf } from "../../format";
import { texts } from "../../texts";
import { numbersTexts as t } from "../../texts/numbers";
import { Bars, Funnel } from "../../ui/charts";
import { Query } from "../../ui/parts";
import { type Figure, leadsPath, type Name, type queryOf, type Report, type Row, useReport } from "./query";

interface Props {
  name: Name;
  query: ReturnType<typeof queryOf>;
}

const SINGLE = new Set<Name>(["summary", "first-contact"]); // reports of one row

export function ReportSection({ name, query }: Props) {
  const report = useReport(name, query);
  const title = t.reports[name] ?? name;
  return (
    <section className="card stack report" aria-label={title}>
      <h2>{title}</h2>
      <Query of={report} rows={4}>
        {report.data && (SINGLE.has(name) ? <Tiles report={report.data} /> : <Table name={name} report={report.data} title={title} />)}
        {report.data?.rates_begin && <p className="soft">{t.ratesBegin(dayOf(report.data.rates_begin))}</p>}
        {report.data && <Definitions report={report.data} />}
      </Query>
    </section>
  );
}

/** A report with one row: its figures, large. */
function Tiles({ report }: { report: Report }) {
  const [row] = report.rows;
  const before = report.comparison?.rows[0];
  if (!row) return null;
  return (
    <dl className="figures">
      {report.definitions.map(({ metric, label }) => {
        const figure = row.figures.find((one) => one.metric === metric);
        if (!figure) return null;
        return (
          <div key={metric} className="figure">
            <dt>{label}</dt>
            <dd>
              <FigureLink figure={figure} />
              <Before figure={figure} before={before?.figures.find((one) => one.metric === metric)} />
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

function Table({ name, report, title }: { name: Name; report: Report; title: string }) {
  const rows = report.rows.map((row) => ({ ...row, label: labelOf(name, row) }));
  if (rows.length === 0) return <p className="soft">{t.noDataOf[name] ?? t.noData}</p>;
  const before = new Map(report.comparison?.rows.map((row) => [row.key, row]));
  const first = report.definitions[0]?.metric;
  const bars = rows.map((row) => {
    const figure = row.figures.find((one) => one.metric === first);
    return { key: String(row.key), label: row.label, value: figure?.value ?? 0, shown: figure ? valueOf(figure) : "" };
  });
  const Chart = name === "funnel" ? Funnel : Bars;
  return (
    <>
      {name !== "velocity" && <Chart title={t.chart(title)} bars={bars.slice(0, 15)} />}
      <div className="table-box">
        <table>
          <thead>
            <tr>
              <th>{t.rowOf[name] ?? t.rows}</th>
              {report.definitions.map((one) => (
                <th key={one.metric} className="right" title={one.words}>
                  {one.label}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={String(row.key)}>
                <th scope="row">{row.label}</th>
                {report.definitions.map(({ metric }) => (
                  <Cell key={metric} row={row} before={before.get(row.key)} metric={metric} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

/** Rows have names; reasons of losses have words of their own. */
const labelOf = (name: Name, row: Row): string => (name === "lost-reasons" ? (texts.lostReasons[row.key ?? ""] ?? row.label) : row.label);

function Cell({ row, before, metric }: { row: Row; before: Row | undefined; metric: string }): ReactNode {
  const figure = row.figures.find((one) => one.metric === metric);
  return (
    <td className="right">
      {figure && <FigureLink figure={figure} />}
      {figure && <Before figure={figure} before={before?.figures.find((one) => one.metric === metric)} />}
    </td>
  );
}

function FigureLink({ figure }: { figure: Figure }) {
  if (figure.value === null || figure.leads === 0) return <span className="number">{valueOf(figure)}</span>;
  return (
    <Link className="figure-link number" href={leadsPath(figure.drill)} title={t.open(figure.leads)}>
      {valueOf(figure)}
    </Link>
  );
}

function Before({ figure, before }: { figure: Figure; before: Figure | undefined }) {
  if (!before || before.value === null) return null;
  const change = figure.value === null || before.value === 0 ? null : (figure.value - before.value) / before.value;
  return (
    <span className="small soft before">
      {t.before(valueOf(before))}
      {change !== null && ` (${change > 0 ? "+" : ""}${Math.round(100 * change)} %)`}
    </span>
  );
}

function Definitions({ report }: { report: Report }) {
  return (
    <details className="small">
      <summary>{t.definitions}</summary>
      <dl className="facts">
        {report.definitions.map((one) => (
          <div key={one.metric} className="fact">
            <dt>{one.label}</dt>
            <dd>{one.words}</dd>
          </div>
        ))}
      </dl>
      {!report.mature && <p className="soft">{t.young}</p>}
    </details>
  );
}

export function valueOf({ value, unit }: Figure): string {
  if (value === null) return "–";
  const rounded = (digits: number) => value.toLocaleString("en", { maximumFractionDigits: digits });
  if (unit === "share") return `${(100 * value).toLocaleString("en", { maximumFractionDigits: 1 })} %`;
  if (unit === "days") return t.units.days(rounded(1));
  return unit === "minutes" ? minutes(value) : rounded(0);
}

/** "51 min", "2.5 h", "1.3 d" */
function minutes(value: number): string {
  const [size, say, digits] = value < 120 ? ([1, t.units.minutes, 0] as const) : value < 2880 ? ([60, t.units.hours, 1] as const) : ([1440, t.units.days, 1] as const);
  return say((value / size).toLocaleString("en", { maximumFractionDigits: digits }));
}
