/** Settings: webhooks, with their deliveries, a test and replays. */

import WebhookIn from "openapi:WebhookIn";
import WebhookPatch from "openapi:WebhookPatch";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { usePages } from "../../api/queries";
import { request } from "../../api/request";
import { fromField, words } from "../../format";
import { texts } from "../../texts";
import { toast, toastError } from "../../ui/overlays";
import { Badge, Empty, Failure, Query, Time, TimeField } from "../../ui/parts";
import { Resource, type Row } from "../resource";
import { settingsTexts } from "../texts";
import { rotate } from "./channels";
import { activity } from "./people";

const t = settingsTexts.webhooks;

export function Webhooks() {
  const { data } = useQuery({ queryKey: ["settings", "event-types"], queryFn: () => request<{ items: { name: string }[] }>("GET", "/api/webhooks/event-types") });
  const events = [{ value: "*", label: "* (all)" }, ...(data?.items.map(({ name }) => ({ value: name, label: name })) ?? [])];
  return (
    <Resource
      about={t}
      path="/api/webhooks"
      nameOf={(row) => String(row.url)}
      columns={[
        ["URL", (row) => <span className="prose">{row.url as string}</span>],
        ["", (row) => (row.failing_since ? <Badge tone="bad">{(row.last_error as string) ?? "Failing"}</Badge> : activity(row))],
        ["Events", (row) => (row.events as string[]).join(", ")],
      ]}
      create={WebhookIn}
      change={WebhookPatch}
      rules={{ events: { options: events } }}
      secretOf={(answer) => answer.secret as string}
      canDelete
      acts={(row, tools) => [
        { id: "log", label: t.log, act: () => tools.open(t.log, <Deliveries webhook={row} />) },
        { id: "test", label: settingsTexts.test, act: () => tools.run(t.sent, () => request("POST", `/api/webhooks/${row.id}/test`)) },
        { id: "replay", label: t.replayMany, act: () => tools.open(t.replayMany, <Replay webhook={row} onDone={tools.close} />) },
        { id: "rotate", label: settingsTexts.rotate, act: () => rotate(`/api/webhooks/${row.id}/rotate-secret`, tools) },
      ]}
    />
  );
}

const TONES: Record<string, "good" | "bad" | ""> = { delivered: "good", failed: "bad" };

function Deliveries({ webhook }: { webhook: Row }) {
  const path = `/api/webhooks/${webhook.id}/deliveries`;
  const list = usePages<Row>(["settings", "deliveries", webhook.id], (cursor) => request("GET", path, { query: { cursor, limit: 50 } }));
  const replay = (row: Row) => request("POST", `${path}/${row.id}/replay`).then(() => toast(t.replayed), toastError).finally(() => list.refetch());
  return (
    <Query of={list}>
      {list.items.length === 0 && <Empty icon="messages" title={t.none} />}
      <ul className="lines">
        {list.items.map((row) => (
          <li key={row.id}>
            <Time at={row.created_at as string} />
            <Badge tone={TONES[String(row.state)] ?? ""}>{words(String(row.state))}</Badge>
            <span className="grow">
              {row.type as string} {row.response_status as number} <span className="soft prose">{(row.error ?? row.response ?? "") as string}</span>
            </span>
            <button type="button" className="button" onClick={() => replay(row)}>
              {t.replay}
            </button>
          </li>
        ))}
      </ul>
      {list.hasNextPage && (
        <button type="button" className="button" onClick={() => list.fetchNextPage()}>
          {texts.shell.more}
        </button>
      )}
    </Query>
  );
}

/** Events of a time are sent again, after their count. */
function Replay({ webhook, onDone }: { webhook: Row; onDone: () => void }) {
  const [since, setSince] = useState("");
  const [count, setCount] = useState<number | null>(null);
  const [error, setError] = useState<unknown>(null);
  const send = (isDry: boolean) =>
    request<{ replayed: number }>("POST", `/api/webhooks/${webhook.id}/replay`, { body: { since: fromField(since), dry_run: isDry } });
  const act = () => {
    setError(null);
    if (count === null) send(true).then(({ replayed }) => setCount(replayed), setError);
    else
      send(false).then(({ replayed }) => {
        toast(t.replayedAll(replayed));
        onDone();
      }, setError);
  };
  return (
    <div className="stack">
      {error ? <Failure error={error} /> : null}
      <TimeField label={t.since} value={since} onChange={(value) => { setSince(value); setCount(null); }} required />
      {count !== null && <p role="status">{t.count(count)}</p>}
      <footer className="row">
        <button type="button" className="button primary" disabled={!since || count === 0} onClick={act}>
          {count === null ? t.counting : t.replayAll(count)}
        </button>
      </footer>
    </div>
  );
}
