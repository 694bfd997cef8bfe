/** Built-in playbooks: what each would add, and adding it. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { api, ok } from "../../api/client";
import { useAct, useMay } from "../../api/queries";
import type { Schemas } from "../../api/types";
import { automationTexts as t } from "../../texts/automation";
import { Icon } from "../../ui/icons";
import { toast } from "../../ui/overlays";
import { Failure, Query } from "../../ui/parts";
import { Simulation } from "./simulation";

export function Playbooks() {
  const list = useQuery({ queryKey: ["settings", "playbooks"], queryFn: () => ok(api.GET("/api/playbooks")) });
  return (
    <Query of={list}>
      <div className="panels">
        {list.data?.items.map((one) => (
          <article key={one.name} className="card stack" aria-label={one.title}>
            <h2>
              <Link href={`/automation/playbooks/${one.name}`}>{one.title}</Link>
            </h2>
            {one.description && <p className="prose">{one.description}</p>}
            <p className="soft">{t.contents(one.rules.length, one.sequences.length, one.nurtures.length)}</p>
            {one.rules.length > 0 && <p className="soft">{t.installed(one.installed_rules, one.rules.length)}</p>}
          </article>
        ))}
      </div>
    </Query>
  );
}

export function Playbook({ name }: { name: string }) {
  const mayChange = useMay("automation:manage");
  const path = { name };
  const found = useQuery({ queryKey: ["settings", "playbooks", name], queryFn: () => ok(api.GET("/api/playbooks/{name}", { params: { path } })) });
  const preview = useAct(() => ok(api.POST("/api/playbooks/{name}/install", { params: { path }, body: { dry_run: true } })), []);
  const install = useAct((is_active: boolean) => ok(api.POST("/api/playbooks/{name}/install", { params: { path }, body: { is_active } })), ["settings"]);
  const add = (isActive: boolean) =>
    install.mutate(isActive, {
      onSuccess: () => {
        toast(t.installedNow);
        preview.mutate(undefined);
      },
    });
  return (
    <>
      <Link className="row small back" href="/automation?kind=playbooks">
        <Icon name="back" />
        {t.back}
      </Link>
      <Query of={found}>
        {found.data && (
          <>
            <div className="page-head">
              <h1>{found.data.title}</h1>
            </div>
            <p className="prose">{found.data.description}</p>
            <section className="card stack">
              <p className="row">
                <button type="button" className="button" disabled={preview.isPending} onClick={() => preview.mutate(undefined)}>
                  {t.preview}
                </button>
                {mayChange && preview.data && (
                  <>
                    <button type="button" className="button primary" disabled={install.isPending} onClick={() => add(true)}>
                      {t.install}
                    </button>
                    <button type="button" className="button" disabled={install.isPending} onClick={() => add(false)}>
                      {t.installOff}
                    </button>
                  </>
                )}
              </p>
              {(preview.error || install.error) && <Failure error={preview.error ?? install.error} />}
              {preview.data && <Added of={preview.data} />}
            </section>
            <section className="card stack">
              <h2>{t.tabs.simulate}</h2>
              <Simulation mark={`playbook ${name}`} ask={(body) => ok(api.POST("/api/playbooks/{name}/simulate", { params: { path }, body }))} />
            </section>
            <details className="card">
              <summary>{t.source}</summary>
              <pre className="source">{found.data.yaml}</pre>
            </details>
          </>
        )}
      </Query>
    </>
  );
}

function Added({ of: added }: { of: Schemas["AddedOut"] }) {
  const kinds = Object.entries(t.added).map(([kind, label]) => [label, added[kind as keyof typeof t.added]] as const);
  const some = kinds.filter(([, names]) => names.length > 0);
  return (
    <div className="stack" role="status">
      <h2>{some.length ? t.adds : t.nothingToAdd}</h2>
      <dl className="facts">
        {some.map(([label, names]) => (
          <div key={label} className="fact">
            <dt>{label}</dt>
            <dd>{names.join(", ")}</dd>
          </div>
        ))}
      </dl>
      {added.overlaps.length > 0 && (
        <div className="notice warn">
          <div className="stack close">
            <p>{t.overlaps}</p>
            {added.overlaps.map((one) => (
              <p key={`${one.rule} ${one.existing}`}>
                <code>{one.rule}</code> – <code>{one.existing}</code>: {one.events.join(", ")}
              </p>
            ))}
          </div>
        </div>
      )}
      {added.warnings.map((one) => (
        <p key={`${one.pointer} ${one.message}`} className="wrong">
          {one.message}
        </p>
      ))}
    </div>
  );
}
