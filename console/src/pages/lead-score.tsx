/** The score of a lead, with its parts and how good the model is. */

import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../api/client";
import { leadTexts } from "../texts/lead";

const t = leadTexts.score;

export function LeadScore({ leadId }: { leadId: string }) {
  const { data } = useQuery({
    queryKey: ["lead", leadId, "score"],
    queryFn: () => ok(api.GET("/api/leads/{lead_id}/score", { params: { path: { lead_id: leadId } } })),
    staleTime: 60_000,
  });
  if (!data) return null;
  const value = data.score;
  return (
    <section className="card stack" aria-label={t.title}>
      <h2 className="row between">
        {t.title} <span className="number">{t.of(value)}</span>
      </h2>
      <meter className="score" min={0} max={100} value={value} aria-label={t.of(value)} />
      <ul className="lines small" aria-label={t.parts}>
        {data.parts.map((part) => (
          <li key={part.name}>
            <span className="grow">{part.words}</span>
            <strong className={part.points < 0 ? "late number" : "number"}>{t.points(Math.round(part.points * 10) / 10)}</strong>
          </li>
        ))}
      </ul>
      <p className="small soft">{t.learned(data.quality.words)}</p>
    </section>
  );
}
