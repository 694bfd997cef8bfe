/** The forecast of the next weeks, with its test on the past. */

import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import { dayOf, money } from "../../format";
import { numbersTexts } from "../../texts/numbers";

const t = numbersTexts.forecast;

export function ForecastSection({ source_id, assigned_to_id }: { source_id?: string | undefined; assigned_to_id?: string | undefined }) {
  const { data } = useQuery({
    queryKey: ["leads", "numbers", "forecast", source_id, assigned_to_id],
    queryFn: () => ok(api.GET("/api/leads/analytics/forecast", { params: { query: { source_id, assigned_to_id } } })),
  });
  if (!data) return null;
  const number = (value: number) => value.toLocaleString("en", { maximumFractionDigits: 1 });
  return (
    <section className="card stack report" aria-label={t.title}>
      <h2>{t.title}</h2>
      <p>{data.words}</p>
      {data.weeks.length > 0 && (
        <div className="table-box">
          <table>
            <thead>
              <tr>
                <th>{t.week}</th>
                <th className="right">{t.expected}</th>
                <th className="right">{t.range}</th>
                <th className="right">{t.value}</th>
              </tr>
            </thead>
            <tbody>
              {data.weeks.map((week) => (
                <tr key={week.from}>
                  <th scope="row">{dayOf(week.from)}</th>
                  <td className="right">{number(week.conversions)}</td>
                  <td className="right">
                    {number(week.low)} – {number(week.high)}
                  </td>
                  <td className="right">{money(String(week.value))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {data.backtest && (
        <p className="small soft">
          {t.tested}: {data.backtest.words}
        </p>
      )}
    </section>
  );
}
