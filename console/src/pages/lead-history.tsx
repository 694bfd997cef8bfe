/** Sections of a lead's page: stage history and assignments; consents. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { FormDialog } from "../acts/lead-dialogs";
import { api, ok } from "../api/client";
import { useAct, useMay, usePages } from "../api/queries";
import type { Lead, Schemas } from "../api/types";
import { duration, words } from "../format";
import { texts } from "../texts";
import { leadTexts } from "../texts/lead";
import { toast, toastError } from "../ui/overlays";
import { Badge, MorePages, optionsOf, Query, SelectField, TextArea, TextField, Time, useMistakes } from "../ui/parts";
import { useNames } from "./names";

const t = leadTexts.history;
const c = leadTexts.consents;

export function LeadHistory({ leadId }: { leadId: string }) {
  return (
    <>
      <Stages leadId={leadId} />
      <Assignments leadId={leadId} />
    </>
  );
}

function Stages({ leadId }: { leadId: string }) {
  const { stageName } = useNames();
  const stays = useQuery({
    queryKey: ["lead", leadId, "stages"],
    queryFn: () => ok(api.GET("/api/leads/{lead_id}/stages", { params: { path: { lead_id: leadId } } })),
  });
  const items = stays.data?.items ?? [];
  const longest = Math.max(1, ...items.map((stay) => stay.seconds));
  return (
    <section className="stack close">
      <h2>{t.stages}</h2>
      <Query of={stays} rows={3}>
        <div className="table-box">
          <table>
            <thead>
              <tr>
                <th>{t.stage}</th>
                <th>{t.from}</th>
                <th>{t.to}</th>
                <th>{t.time}</th>
              </tr>
            </thead>
            <tbody>
              {items.map((stay) => (
                <tr key={stay.stage + stay.entered_at}>
                  <td>{stageName(stay.stage)}</td>
                  <td>
                    <Time at={stay.entered_at} />
                  </td>
                  <td>{stay.left_at ? <Time at={stay.left_at} /> : t.now}</td>
                  <td>
                    <span className="row tight">
                      <meter className="stay" min={0} max={longest} value={stay.seconds} aria-label={duration(stay.seconds)} />
                      <span className="number">{duration(stay.seconds)}</span>
                    </span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Query>
    </section>
  );
}

function Assignments({ leadId }: { leadId: string }) {
  const { userName } = useNames();
  const entries = usePages(["lead", leadId, "assignments"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/assignments", { params: { path: { lead_id: leadId }, query: { limit: 50, cursor } } })),
  );
  return (
    <section className="stack close">
      <h2>{t.assignments}</h2>
      <Query of={entries} rows={2}>
        {entries.items.length === 0 && <p className="soft">{t.noAssignments}</p>}
        <ul className="lines">
          {entries.items.map((one) => (
            <li key={one.id}>
              <div className="grow">
                <strong>{one.to_id ? t.assigned(userName(one.to_id)) : texts.leads.nobody}</strong>{" "}
                <span className="soft">{one.rule_name ? t.rule(one.rule_name) : one.by_id ? t.by(userName(one.by_id)) : words(one.why)}</span>
                {one.reason && <p className="prose small">{one.reason}</p>}
              </div>
              <span className="small soft">
                <Time at={one.at} />
              </span>
            </li>
          ))}
        </ul>
        <MorePages query={entries} label={texts.shell.more} />
      </Query>
    </section>
  );
}

export function LeadConsents({ lead }: { lead: Lead }) {
  const leadId = lead.id;
  const [recording, record] = useState<"given" | "withdrawn" | "">("");
  const mayUpdate = useMay("lead:update");
  const consents = usePages(["lead", leadId, "consents"], (cursor) =>
    ok(api.GET("/api/leads/{lead_id}/consents", { params: { path: { lead_id: leadId }, query: { limit: 50, cursor } } })),
  );
  const optOut = useAct(() => ok(api.POST("/api/leads/{lead_id}/opt-out", { params: { path: { lead_id: leadId } }, body: {} })), ["lead", "leads"]);
  return (
    <Query of={consents} rows={3}>
      {mayUpdate && (
        <div className="row no-print">
          <button type="button" className="button" onClick={() => record("given")}>
            {c.add}
          </button>
          <button type="button" className="button" onClick={() => record("withdrawn")}>
            {c.withdraw}
          </button>
          {!lead.opted_out_at && (
            <button type="button" className="button danger" disabled={optOut.isPending} onClick={() => optOut.mutate(undefined, { onSuccess: () => toast(c.optedOut), onError: toastError })}>
              {c.optOut}
            </button>
          )}
        </div>
      )}
      {consents.items.length === 0 && <p className="soft">{c.empty}</p>}
      <ul className="lines">
        {consents.items.map((one) => (
          <li key={one.id}>
            <div className="grow">
              <p className="row">
                <strong>{c.ways[one.way] ?? words(one.way)}</strong>
                <Badge tone={one.is_given ? "good" : "bad"}>{one.is_given ? c.given : c.withdrawn}</Badge>
              </p>
              <p className="prose small">{one.wording}</p>
              <p className="small soft">{one.source}</p>
            </div>
            <span className="small soft">
              <Time at={one.given_at} />
            </span>
          </li>
        ))}
      </ul>
      <MorePages query={consents} label={texts.shell.more} />
      {recording && <ConsentDialog leadId={leadId} isGiven={recording === "given"} onClose={() => record("")} />}
    </Query>
  );
}

function ConsentDialog({ leadId, isGiven, onClose }: { leadId: string; isGiven: boolean; onClose: () => void }) {
  const [way, setWay] = useState("email");
  const [wording, setWording] = useState("");
  const [source, setSource] = useState("");
  const save = useAct(
    () =>
      ok(
        api.POST("/api/leads/{lead_id}/consents", {
          params: { path: { lead_id: leadId } },
          body: { way: way as Schemas["ConsentIn"]["way"], is_given: isGiven, wording, source },
        }),
      ),
    ["lead", "leads"],
  );
  const mistakes = useMistakes(save.error);
  const title = isGiven ? c.add : c.withdraw;
  return (
    <FormDialog title={title} label={title} done={c.saved} save={save} onClose={onClose}>
      {mistakes.rest("/way", "/wording", "/source")}
      <SelectField label={c.way} value={way} onChange={setWay} options={optionsOf(c.ways)} wrong={mistakes.at("/way")} />
      <TextArea label={c.wording} value={wording} onChange={setWording} required autoFocus wrong={mistakes.at("/wording")} />
      <TextField label={c.source} value={source} onChange={setSource} required wrong={mistakes.at("/source")} />
    </FormDialog>
  );
}
