/** Where the user is signed in: end one session, or all others. */

import { api, ok } from "../api/client";
import { useAct, usePages } from "../api/queries";
import type { Schemas } from "../api/types";
import { toast, toastError } from "../ui/overlays";
import { Badge, Query, Time } from "../ui/parts";
import { areaTexts } from "./area-texts";

type Session = Schemas["SessionOut"];

const t = areaTexts.me;
const TOPICS = ["settings"];

export function Sessions() {
  const list = usePages<Session>(["settings", "sessions"], (cursor) => ok(api.GET("/api/me/sessions", { params: { query: { cursor, limit: 50 } } })));
  const end = useAct((id: string) => ok(api.DELETE("/api/me/sessions/{session_id}", { params: { path: { session_id: id } } })), TOPICS);
  const endOthers = useAct(() => ok(api.POST("/api/me/sessions/end-others")), TOPICS);
  return (
    <section className="card stack" aria-labelledby="sessions">
      <h2 id="sessions">{t.sessions}</h2>
      <p className="soft">{t.sessionsHint}</p>
      <Query of={list} rows={2}>
        <ul className="lines">
          {list.items.map((one) => (
            <li key={one.id}>
              <div className="grow">
                <strong>{programOf(one.client)}</strong> <span className="soft">{one.address ?? t.unknownPlace}</span>
                <p className="small soft">
                  {t.since} <Time at={one.created_at} />
                  {one.last_used_at && (
                    <>
                      {" · "}
                      {t.lastUsed} <Time at={one.last_used_at} relative />
                    </>
                  )}
                </p>
              </div>
              {one.is_current ? (
                <Badge tone="good">{t.thisOne}</Badge>
              ) : (
                <button type="button" className="button" aria-label={t.endOf(programOf(one.client))} disabled={end.isPending} onClick={() => end.mutate(one.id, { onSuccess: () => toast(t.ended), onError: toastError })}>
                  {t.end}
                </button>
              )}
            </li>
          ))}
        </ul>
        {list.items.length > 1 && (
          <p>
            <button type="button" className="button" disabled={endOthers.isPending} onClick={() => endOthers.mutate(undefined, { onSuccess: ({ ended }) => toast(t.endedMany(ended)), onError: toastError })}>
              {t.endOthers}
            </button>
          </p>
        )}
      </Query>
    </section>
  );
}

const BROWSERS: [RegExp, string][] = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrome\//, "Chrome"],
  [/Safari\//, "Safari"],
];
const SYSTEMS: [RegExp, string][] = [
  [/iPhone|iPad/, "iOS"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];

/** "Firefox, Windows" of a browser; of another program the text that it sends. */
function programOf(client: string | null): string {
  if (!client) return t.unknownClient;
  const named = (names: [RegExp, string][]) => names.find(([pattern]) => pattern.test(client))?.[1];
  const found = [named(BROWSERS), named(SYSTEMS)].filter(Boolean);
  return found.length ? found.join(", ") : client;
}
