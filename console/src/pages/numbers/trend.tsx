/** New leads and conversions over time. */

import { numbersTexts as t } from "../../texts/numbers";
import { Columns, Legend } from "../../ui/charts";
import { Query } from "../../ui/parts";
import { partsOf, type queryOf, type Row, useReport } from "./query";

const METRICS = ["total_leads", "converted_leads"];

export function Trend({ query }: { query: ReturnType<typeof queryOf> }) {
  const report = useReport("sources", { ...query, compare: undefined, by: partsOf(query) });
  const buckets = report.data?.buckets ?? [];
  const series = [t.leads, t.conversions];
  const columns = buckets.map(({ from, rows }) => ({ key: from, label: label(from), values: METRICS.map((metric) => sum(rows, metric)) }));
  return (
    <section className="card stack report" aria-label={t.trend}>
      <h2>{t.trend}</h2>
      <Query of={report} rows={4}>
        <Legend series={series} />
        <Columns title={t.chart(t.trend)} columns={columns} series={series} />
        <details className="small">
          <summary>{t.trendTable}</summary>
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  <th>{t.from}</th>
                  {series.map((name) => (
                    <th key={name} className="right">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {columns.map((column) => (
                  <tr key={column.key}>
                    <th scope="row">{column.label}</th>
                    {column.values.map((value, at) => (
                      <td key={series[at]} className="right">
                        {value.toLocaleString()}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </Query>
    </section>
  );
}

const sum = (rows: Row[], metric: string): number =>
  rows.reduce((total, row) => total + (row.figures.find((one) => one.metric === metric)?.value ?? 0), 0);

const label = (day: string): string => new Date(`${day}T00:00Z`).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
