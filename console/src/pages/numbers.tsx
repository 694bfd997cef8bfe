/** Numbers: the reports of a period. Definitions and figures are those of the API; every figure opens into its leads. */

import { useQueryClient } from "@tanstack/react-query";
import { useSearchParams } from "wouter";
import { useSources, useUsers } from "../api/queries";
import { zoneName } from "../format";
import { texts } from "../texts";
import { numbersTexts as t } from "../texts/numbers";
import { toast } from "../ui/overlays";
import { optionsOf, SelectField, TextField } from "../ui/parts";
import { withParam } from "./lead-filters";
import { save, toCsv } from "./numbers/csv";
import { ForecastSection } from "./numbers/forecast";
import { daysOf, plus, queryOf } from "./numbers/query";
import { ReportSection } from "./numbers/report";
import { Trend } from "./numbers/trend";

export default function Numbers() {
  const [search, setSearch] = useSearchParams();
  const client = useQueryClient();
  const query = queryOf(search);
  const set = (name: string, value: string) => setSearch(withParam(search, name, value), { replace: true });
  const download = () => {
    save(`numbers-${query.from}.csv`, toCsv(client, query));
    toast(t.exported);
  };
  return (
    <>
      <div className="page-head">
        <h1>{t.title}</h1>
        <p className="soft small">{t.zone(zoneName())}</p>
        <div className="acts no-print">
          <button type="button" className="button" onClick={download}>
            {t.export}
          </button>
          <button type="button" className="button" onClick={() => window.print()}>
            {t.print}
          </button>
        </div>
      </div>
      <Choices search={search} set={set} />
      <p className="only-print">
        {query.from} – {plus(query.to, -1)}
      </p>
      <ReportSection name="summary" query={query} />
      <Trend query={query} />
      <ReportSection name="funnel" query={query} />
      <ForecastSection source_id={query.source_id} assigned_to_id={query.assigned_to_id} />
      <ReportSection name="sources" query={query} />
      <ReportSection name="campaigns" query={query} />
      <ReportSection name="coordinators" query={query} />
      <ReportSection name="lost-reasons" query={query} />
      <ReportSection name="velocity" query={query} />
      <ReportSection name="first-contact" query={query} />
    </>
  );
}

function Choices({ search, set }: { search: URLSearchParams; set: (name: string, value: string) => void }) {
  const sources = useSources().data ?? [];
  const users = useUsers().data ?? [];
  const { from, to } = daysOf(search);
  const period = search.get("period") ?? "90";
  const all = { value: "", label: t.all };
  const choose = (name: string) => ({ value: search.get(name) ?? "", onChange: (value: string) => set(name, value) });
  return (
    <div className="filters even no-print" role="search" aria-label={texts.leads.filters}>
      <SelectField label={t.period} value={period} onChange={(value) => set("period", value)} options={optionsOf(t.periods)} />
      {period === "own" && (
        <>
          <TextField label={t.from} type="date" value={from} onChange={(value) => set("from", value)} />
          <TextField label={t.to} type="date" value={plus(to, -1)} onChange={(value) => set("to", value)} />
        </>
      )}
      <SelectField label={t.compare} {...choose("compare")} options={optionsOf(t.compares)} />
      <SelectField label={t.basis} {...choose("basis")} value={search.get("basis") ?? "cohort"} options={optionsOf(t.bases)} />
      <SelectField label={texts.leads.source} {...choose("source_id")} options={[all, ...sources.map(({ id, name }) => ({ value: id, label: name }))]} />
      <SelectField label={texts.leads.owner} {...choose("assigned_to_id")} options={[all, ...users.map(({ id, name }) => ({ value: id, label: name }))]} />
    </div>
  );
}
