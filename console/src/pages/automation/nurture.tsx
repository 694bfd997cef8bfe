/** Runs of a nurture: the next one, those that were, and one now with the count first. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { FormDialog } from "../../acts/lead-dialogs";
import { api, ok } from "../../api/client";
import { useAct, usePages } from "../../api/queries";
import type { Schemas } from "../../api/types";
import { words } from "../../format";
import { automationTexts as t } from "../../texts/automation";
import { Badge, MorePages, Query, Time, type Tone, useMistakes } from "../../ui/parts";
import type { Definition } from "./kinds";
import { texts } from "../../texts";

type Run = Schemas["NurtureRunOut"];

const TONES: Record<Run["state"], Tone> = { waiting: "", running: "accent", done: "good", stopped: "warn", missed: "bad" };

export function NurtureRuns({ definition, mayChange }: { definition: Definition; mayChange: boolean }) {
  const [isAsking, ask] = useState(false);
  const path = { nurture_id: definition.id };
  const runs = usePages<Run>(["jobs", "nurture", definition.id], (cursor) => ok(api.GET("/api/nurtures/{nurture_id}/runs", { params: { path, query: { cursor, limit: 20 } } })));
  return (
    <div className="stack">
      <p className="row">
        {definition.nextRunAt && (
          <span>
            {t.next}: <Time at={definition.nextRunAt} />
          </span>
        )}
        {mayChange && definition.isActive && (
          <button type="button" className="button" onClick={() => ask(true)}>
            {t.runNow}
          </button>
        )}
      </p>
      <Query of={runs} rows={2}>
        {runs.items.length === 0 && <p className="soft">{t.noRuns}</p>}
        <ul className="lines">
          {runs.items.map((run) => (
            <li key={run.id}>
              <Time at={run.started_at ?? run.scheduled_for} />
              <Badge tone={TONES[run.state]}>{t.runStates[run.state]}</Badge>
              <span className="grow">{t.runTaken(run.taken)}</span>
              <span className="soft">
                {run.reason && words(run.reason)}
                {Object.entries(run.refused).map(([reason, count]) => ` ${words(reason)}: ${count}`)}
              </span>
            </li>
          ))}
        </ul>
        <MorePages query={runs} label={texts.shell.more} />
      </Query>
      {isAsking && <RunDialog definition={definition} onClose={() => ask(false)} />}
    </div>
  );
}

function RunDialog({ definition, onClose }: { definition: Definition; onClose: () => void }) {
  const path = { nurture_id: definition.id };
  const counted = useQuery({ queryKey: ["jobs", "nurture", definition.id, "preview"], queryFn: () => ok(api.GET("/api/nurtures/{nurture_id}/preview", { params: { path } })), staleTime: 0, gcTime: 0 });
  const run = useAct(() => ok(api.POST("/api/nurtures/{nurture_id}/run", { params: { path } })), ["jobs", "settings"]);
  const mistakes = useMistakes(run.error);
  return (
    <FormDialog title={t.runTitle(definition.name)} label={t.runStart} done={t.runStarted} save={run} onClose={onClose} isReady={counted.data?.is_able ?? false}>
      {mistakes.rest()}
      <Query of={counted} rows={1}>
        {counted.data && <p>{counted.data.is_able ? t.runCount(counted.data.leads, counted.data.is_complete) : t.runUnable}</p>}
        {counted.data?.warnings.map((one) => (
          <p key={one.pointer} className="wrong">
            {one.message}
          </p>
        ))}
      </Query>
    </FormDialog>
  );
}
