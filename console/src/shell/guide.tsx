/** First-run guide on Today: what to do first. Closed once, it stays closed for the user. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ifMatch, ok } from "../api/client";
import { useAct, useMay, useMe, useUsers } from "../api/queries";
import { request } from "../api/request";
import type { Permission } from "../api/types";
import { areaTexts } from "../pages/area-texts";
import { Icon } from "../ui/icons";
import { toastError } from "../ui/overlays";
import { Badge } from "../ui/parts";

interface Step {
  id: string;
  href: string;
  needs: Permission;
  isDone?: boolean | undefined;
}

const t = areaTexts.guide;
const DEMO = /demo|sunrise/i;

export function Guide() {
  const isAdmin = useMay("user:manage");
  const preferences = useQuery({ queryKey: ["settings", "preferences"], queryFn: () => ok(api.GET("/api/me/notice-preferences")), enabled: isAdmin });
  const close = useAct((version: number) => ok(api.PATCH("/api/me/notice-preferences", { params: { header: ifMatch(version) }, body: { is_guide_closed: true } })), ["settings"]);
  const stored = preferences.data;
  if (!stored || stored.is_guide_closed || close.isPending || close.isSuccess) return null;
  return <Steps close={() => close.mutate(stored.version, { onError: toastError })} />;
}

function useCount(path: string): number | undefined {
  const { data } = useQuery({ queryKey: ["settings", "guide", path], queryFn: () => request<{ items: unknown[] }>("GET", path, { query: { limit: 2 } }) });
  return data?.items.length;
}

function Steps({ close }: { close: () => void }) {
  const me = useMe();
  const users = useUsers().data?.length ?? 0;
  const sender = useQuery({ queryKey: ["settings", "single", "/api/settings/sender"], queryFn: () => request<{ postal_address: string | null }>("GET", "/api/settings/sender") });
  const hours = useQuery({ queryKey: ["settings", "single", "/api/settings/hours"], queryFn: () => request<{ version: number }>("GET", "/api/settings/hours") });
  const [leads, accounts] = [useCount("/api/leads"), useCount("/api/sending-accounts")];
  const steps: Step[] = [
    { id: "people", href: "/settings/people", needs: "user:manage", isDone: users > 1 },
    { id: "hours", href: "/settings/hours", needs: "automation:manage", isDone: (hours.data?.version ?? 1) > 1 },
    { id: "sender", href: "/settings/clinic", needs: "automation:manage", isDone: Boolean(sender.data?.postal_address) },
    { id: "leads", href: "/import", needs: "lead:import", isDone: Boolean(leads) },
    { id: "templates", href: "/templates", needs: "automation:read" },
    { id: "accounts", href: "/settings/accounts", needs: "notification:manage", isDone: Boolean(accounts) },
  ];
  const shown = steps.filter(({ needs }) => me.permissions.includes(needs));
  return (
    <section className="card stack guide" aria-labelledby="guide">
      <div className="row between">
        <h2 id="guide">{t.title}</h2>
        <button type="button" className="button" onClick={close}>
          <Icon name="close" />
          {t.close}
        </button>
      </div>
      {DEMO.test(me.clinic.name) && <p className="soft">{t.demo}</p>}
      <ol className="boxes">
        {shown.map(({ id, href, isDone }) => (
          <li key={id}>
            <Link className="link-block" href={href}>
              <span className="row">
                <strong>{t.steps[id]?.[0]}</strong>
                {isDone && <Badge tone="good">{t.done}</Badge>}
              </span>
              <span className="small soft">{t.steps[id]?.[1]}</span>
            </Link>
          </li>
        ))}
      </ol>
    </section>
  );
}
