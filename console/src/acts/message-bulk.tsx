/** One act on all messages that match. The API counts them first, without changing anything. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ok } from "../api/client";
import { useAct } from "../api/queries";
import type { Schemas } from "../api/types";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { Failure, Query, TextField } from "../ui/parts";

type As = "sent" | "retry";

const t = texts.messages;
const MANY = 100; // so many at once may be too fast for a provider

export type ManyFilter = {
  channel: Schemas["RetryNotificationsIn"]["channel"];
  rule: string | undefined;
};

interface Props {
  state: "failed" | "unknown";
  filter: ManyFilter;
  onClose: () => void;
}

export function ManyDialog({ state, filter, onClose }: Props) {
  const [given, setMinutes] = useState<string | null>(null);
  const run = async (as: As, dry_run: boolean, spread_seconds = 0) => {
    if (state === "failed") {
      const { retried, left } = await ok(api.POST("/api/notifications/retry", { body: { ...filter, dry_run, spread_seconds } }));
      return { done: retried, left };
    }
    const { resolved, left } = await ok(api.POST("/api/notifications/resolve", { body: { ...filter, as, dry_run, spread_seconds } }));
    return { done: resolved, left };
  };
  const counted = useQuery({ queryKey: ["messages", "count", state, filter], queryFn: () => run("retry", true), staleTime: 0, gcTime: 0 });
  const count = (counted.data?.done ?? 0) + (counted.data?.left ?? 0);
  const minutes = given ?? (count > MANY ? "10" : "0");
  const act = useAct((as: As) => run(as, false, as === "retry" ? Number(minutes) * 60 : 0), ["messages", "lead"]);
  const begin = (as: As) =>
    act.mutate(as, {
      onSuccess: ({ done, left }) => {
        toast(t.retriedAll(done, left));
        onClose();
      },
    });
  return (
    <DialogBox title={t.all} onClose={onClose}>
      <Query of={counted} rows={2}>
        <p>
          <strong>{t.count(count)}</strong> {t.hints[state]}
        </p>
        <TextField label={t.spread} type="number" min={0} value={minutes} onChange={setMinutes} />
        {act.error && <Failure error={act.error} />}
        <footer className="row">
          {state === "unknown" && (
            <button type="button" className="button" disabled={act.isPending || count === 0} onClick={() => begin("sent")}>
              {t.arrivedAll(count)}
            </button>
          )}
          <button type="button" className="button primary" disabled={act.isPending || count === 0} onClick={() => begin("retry")}>
            {t.retryAll(count)}
          </button>
        </footer>
      </Query>
    </DialogBox>
  );
}
