/** Enroll leads in a sequence. Each lead that is refused shows the reason. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../api/client";
import { useAct } from "../api/queries";
import { words } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { toast } from "../ui/overlays";
import { SelectField, useMistakes } from "../ui/parts";
import { FormDialog } from "./lead-dialogs";

const t = leadTexts.enroll;

export function EnrollDialog({ leadIds, title = t.title, onClose }: { leadIds: string[]; title?: string; onClose: () => void }) {
  const { data } = useQuery({
    queryKey: ["settings", "sequences"],
    queryFn: async () => (await ok(api.GET("/api/sequences", { params: { query: { limit: 200 } } }))).items,
  });
  const active = data?.filter((one) => one.is_active && one.published_version !== null) ?? [];
  const [chosen, choose] = useState("");
  const sequence = active.find((one) => one.id === chosen) ?? active[0];
  const save = useAct(async () => {
    const { enrolled, results } = await ok(
      api.POST("/api/sequences/{sequence_id}/enrollments", { params: { path: { sequence_id: sequence?.id ?? "" } }, body: { lead_ids: leadIds } }),
    );
    const refused = results.filter((one) => one.status >= 400).map((one) => words(one.result));
    if (enrolled === 0 && refused[0]) throw new Error(t.refused(refused[0]));
    if (refused.length > 0) toast(texts.leads.partly(enrolled, refused.length));
  }, ["lead", "leads"]);
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={title} label={t.submit} done={t.done(sequence?.name ?? "")} save={save} onClose={onClose} isReady={sequence !== undefined}>
      {mistakes.rest()}
      {data && active.length === 0 ? (
        <p>{t.none}</p>
      ) : (
        <SelectField label={t.sequence} value={sequence?.id ?? ""} onChange={choose} options={active.map(({ id, name }) => ({ value: id, label: name }))} />
      )}
    </FormDialog>
  );
}
