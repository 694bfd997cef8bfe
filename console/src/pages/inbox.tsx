/** Notices to me: reminders, escalations and news about my leads. */

import { Link } from "wouter";
import { api, ok } from "../api/client";
import { useAct, usePages } from "../api/queries";
import { texts } from "../texts";
import { toastError } from "../ui/overlays";
import { Badge, Empty, Query, Time } from "../ui/parts";

const t = texts.inbox;

export default function Inbox() {
  const notices = usePages(["inbox", "mine"], (cursor) => ok(api.GET("/api/notifications/mine", { params: { query: { cursor, limit: 50 } } })));
  const readAll = useAct(() => ok(api.POST("/api/notifications/mine/read", { body: {} })), ["inbox"]);
  const read = useAct((id: string) => ok(api.POST("/api/notifications/{notification_id}/read", { params: { path: { notification_id: id } } })), ["inbox"]);
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.inbox}</h1>
        <div className="acts">
          <button type="button" className="button" disabled={readAll.isPending || notices.items.length === 0} onClick={() => readAll.mutate(undefined, { onError: toastError })}>
            {t.readAll}
          </button>
        </div>
      </div>
      <Query of={notices}>
        {notices.items.length === 0 && <Empty icon="inbox" title={t.empty} hint={t.emptyHint} />}
        <ul className="stack">
          {notices.items.map((notice) => (
            <li key={notice.id} className="card stack close">
              <div className="row between">
                <h2>{notice.subject}</h2>
                <span className="row small soft">
                  {!notice.read_at && <Badge tone="accent">{t.unread}</Badge>}
                  <Time at={notice.created_at} relative />
                </span>
              </div>
              <p className="prose">{notice.body}</p>
              {notice.lead_id && (
                <p>
                  <Link href={`/leads/${notice.lead_id}`} onClick={() => !notice.read_at && read.mutate(notice.id)}>
                    {texts.today.openLead}
                  </Link>
                </p>
              )}
            </li>
          ))}
        </ul>
        {notices.hasNextPage && (
          <button type="button" className="button" onClick={() => notices.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
    </>
  );
}
