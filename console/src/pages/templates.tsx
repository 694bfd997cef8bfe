/** Templates of messages: the list, and one with its texts, preview for a lead and versions. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link, useLocation, useParams } from "wouter";
import { api, ifMatch, ok } from "../api/client";
import { Problem } from "../api/problem";
import { useAct, useMay, usePages } from "../api/queries";
import type { Schemas } from "../api/types";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { toast, toastError } from "../ui/overlays";
import { Badge, Empty, Query, TextArea, TextField, Time, useMistakes } from "../ui/parts";
import { areaTexts } from "./area-texts";
import { Preview, type Variant, Variants } from "./template-parts";

type Template = Schemas["MessageTemplateDetailOut"];

const t = areaTexts.templates;
const TOPICS = ["settings"];
const FRESH: Variant = { channel: null, language: null, subject: "", body: "" };

export default function Templates() {
  const { id } = useParams<{ id?: string }>();
  const mayChange = useMay("automation:manage");
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.templates}</h1>
        {mayChange && !id && (
          <div className="acts">
            <Link className="button primary" href="/templates/new">
              <Icon name="plus" />
              {t.create}
            </Link>
          </div>
        )}
      </div>
      {!id ? <List /> : id === "new" ? <Editor key="new" /> : <One key={id} id={id} />}
    </>
  );
}

function List() {
  const list = usePages<Schemas["MessageTemplateOut"]>(["settings", "templates", "list"], (cursor) => ok(api.GET("/api/message-templates", { params: { query: { cursor, limit: 100 } } })));
  return (
    <>
      <p className="soft">{t.hint}</p>
      <Query of={list}>
        {list.items.length === 0 ? (
          <Empty icon="note" title={t.empty} hint={t.emptyHint} />
        ) : (
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  <th>{t.name}</th>
                  <th className="wide-only">{t.slug}</th>
                  <th>{t.versions}</th>
                  <th className="wide-only">{texts.leads.columns.created}</th>
                </tr>
              </thead>
              <tbody>
                {list.items.map((one) => (
                  <tr key={one.id}>
                    <td>
                      <Link href={`/templates/${one.id}`}>{one.name}</Link>
                    </td>
                    <td className="wide-only">
                      <code>{one.slug}</code>
                    </td>
                    <td>{one.number}</td>
                    <td className="wide-only">
                      <Time at={one.created_at} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
        {list.hasNextPage && (
          <button type="button" className="button" onClick={() => list.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
    </>
  );
}

const load = (id: string) => ok(api.GET("/api/message-templates/{message_template_id}", { params: { path: { message_template_id: id } } }));

function One({ id }: { id: string }) {
  const template = useQuery({ queryKey: ["settings", "template", id], queryFn: () => load(id) });
  const [resets, setResets] = useState(0); // the editor begins anew after its own change
  return (
    <Query of={template}>
      {template.data && (
        <>
          <Editor key={resets} template={template.data} onSaved={() => template.refetch().then(() => setResets((n) => n + 1))} />
          <Facts template={template.data} />
          <Versions template={template.data} onRolledBack={() => template.refetch().then(() => setResets((n) => n + 1))} />
        </>
      )}
    </Query>
  );
}

const variantsOf = (template: Template): Variant[] => template.variants.map(({ channel, language, subject, body, media, provider_template }) => ({ channel, language, subject, body, media, provider_template }) as Variant);

function Editor({ template, onSaved }: { template?: Template; onSaved?: () => void }) {
  const mayChange = useMay("automation:manage");
  const [, go] = useLocation();
  const [name, setName] = useState(template?.name ?? "");
  const [slug, setSlug] = useState("");
  const [description, setDescription] = useState(template?.description ?? "");
  const [variants, setVariants] = useState<Variant[]>(() => (template ? variantsOf(template) : [FRESH]));
  const [version, setVersion] = useState(template?.version ?? 0);
  const [theirs, setTheirs] = useState<Template | null>(null);
  const cleaned = variants.map((one) => ({ ...one, subject: one.subject || null }));
  const save = useAct(
    () =>
      template
        ? ok(api.PATCH("/api/message-templates/{message_template_id}", { params: { path: { message_template_id: template.id }, header: ifMatch(version) }, body: { name, description: description || null, variants: cleaned } }))
        : ok(api.POST("/api/message-templates", { body: { name, slug, description: description || null, variants: cleaned } })),
    TOPICS,
  );
  const isStale = save.error instanceof Problem && save.error.status === 412;
  const mistakes = useMistakes(isStale ? null : save.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(undefined, {
      onSuccess: (saved) => {
        toast(template ? t.saved : t.created);
        if (template) onSaved?.();
        else go(`/templates/${saved.id}`, { replace: true });
      },
      onError: (error) => {
        if (!template || !(error instanceof Problem) || error.status !== 412) return;
        load(template.id).then((current) => {
          setTheirs(current);
          setVersion(current.version);
        }, toastError);
      },
    });
  };
  const pointers = ["/name", "/slug", "/description", ...variants.flatMap((_, at) => ["channel", "language", "subject", "body"].map((part) => `/variants/${at}/${part}`))];
  return (
    <form className="stack" onSubmit={submit}>
      <Link className="row small back" href="/templates">
        <Icon name="back" />
        {t.back}
      </Link>
      {theirs && (
        <div className="notice warn" role="alert">
          <div className="grow stack close">
            <p>{t.conflict}</p>
            {theirs.variants.map((one) => (
              <p key={one.name} className="quote prose">
                <strong>{`${t.theirs}: ${one.subject ?? ""}`}</strong>
                {`\n${one.body}`}
              </p>
            ))}
          </div>
        </div>
      )}
      {mistakes.rest(...pointers)}
      <fieldset className="plain-set stack" disabled={!mayChange}>
        <div className="fields">
          <TextField label={t.name} value={name} onChange={setName} required wrong={mistakes.at("/name")} />
          {!template && <TextField label={t.slug} value={slug} onChange={setSlug} required hint={t.slugHint} wrong={mistakes.at("/slug")} />}
        </div>
        <TextArea label={t.description} value={description} onChange={setDescription} rows={2} wrong={mistakes.at("/description")} />
        <Variants variants={variants} onChange={setVariants} wrongAt={mistakes.at} />
      </fieldset>
      {mayChange && (
        <footer className="row">
          <button type="submit" className="button primary" disabled={save.isPending}>
            {t.save}
          </button>
          {template && <Remove template={template} />}
        </footer>
      )}
      <Preview variants={cleaned} />
    </form>
  );
}

function Remove({ template }: { template: Template }) {
  const [, go] = useLocation();
  const params = { path: { message_template_id: template.id }, header: ifMatch(template.version) };
  const remove = useAct(() => ok(api.DELETE("/api/message-templates/{message_template_id}", { params })), TOPICS);
  const done = () => {
    toast(t.removed);
    go("/templates");
  };
  return (
    <button type="button" className="button danger" disabled={remove.isPending || template.rules.length > 0} onClick={() => remove.mutate(undefined, { onSuccess: done, onError: toastError })}>
      {t.remove}
    </button>
  );
}

function Facts({ template }: { template: Template }) {
  const figures = useQuery({ queryKey: ["settings", "template", template.id, "figures"], queryFn: () => ok(api.GET("/api/message-templates/{message_template_id}/statistics", { params: { path: { message_template_id: template.id } } })) });
  return (
    <section className="card stack">
      <h2>{t.figures}</h2>
      <dl className="figures">
        {Object.entries(t.figure).map(([name, label]) => (
          <div key={name} className="figure">
            <dt>{label}</dt>
            <dd>{(figures.data as Record<string, number> | undefined)?.[name] ?? "–"}</dd>
          </div>
        ))}
      </dl>
      <p>
        {template.rules.length ? `${t.usedBy}: ` : t.unused} {template.rules.map((rule) => <code key={rule}>{`${rule} `}</code>)}
      </p>
    </section>
  );
}

function Versions({ template, onRolledBack }: { template: Template; onRolledBack: () => void }) {
  const mayChange = useMay("automation:manage");
  const [compared, compare] = useState("");
  const path = { message_template_id: template.id };
  const list = usePages<Schemas["TemplateVersionOut"]>(["settings", "template", template.id, "versions"], (cursor) => ok(api.GET("/api/message-templates/{message_template_id}/versions", { params: { path, query: { cursor, limit: 20 } } })));
  const rollBack = useAct((version_id: string) => ok(api.POST("/api/message-templates/{message_template_id}/rollback", { params: { path }, body: { version_id } })), TOPICS);
  const use = (one: Schemas["TemplateVersionOut"]) =>
    rollBack.mutate(one.id, {
      onSuccess: () => {
        toast(t.rolledBack(one.number));
        onRolledBack();
      },
      onError: toastError,
    });
  return (
    <section className="card stack">
      <h2>{t.versions}</h2>
      <Query of={list} rows={2}>
        <ul className="lines">
          {list.items.map((one) => (
            <li key={one.id}>
              <strong>{t.version(one.number)}</strong>
              <Time at={one.created_at} />
              <span className="grow soft">{one.repeats ? t.repeats(one.repeats) : ""}</span>
              {one.id === template.version_id ? (
                <Badge tone="good">{t.current}</Badge>
              ) : (
                <>
                  <button type="button" className="button" aria-expanded={compared === one.id} onClick={() => compare(compared === one.id ? "" : one.id)}>
                    {t.compare}
                  </button>
                  {mayChange && (
                    <button type="button" className="button" disabled={rollBack.isPending} onClick={() => use(one)}>
                      {t.rollBack}
                    </button>
                  )}
                </>
              )}
              {compared === one.id && <Differences template={template} from={one.id} />}
            </li>
          ))}
        </ul>
        {list.hasNextPage && (
          <button type="button" className="button" onClick={() => list.fetchNextPage()}>
            {texts.shell.more}
          </button>
        )}
      </Query>
    </section>
  );
}

function Differences({ template, from }: { template: Template; from: string }) {
  const params = { path: { message_template_id: template.id, version_id: template.version_id }, query: { from } };
  const found = useQuery({ queryKey: ["settings", "template", template.id, "diff", template.version_id, from], queryFn: () => ok(api.GET("/api/message-templates/{message_template_id}/versions/{version_id}/diff", { params })) });
  const inWords = (value: unknown) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value, null, 1));
  return (
    <Query of={found} rows={1}>
      <div className="stack close grow">
        {found.data?.differences.length === 0 && <p className="soft">{t.same}</p>}
        {found.data?.differences.map((one) => (
          <div key={one.pointer} className="stack close">
            <code>{one.pointer}</code>
            <div className="values">
              <del className="quote prose">{inWords(one.before)}</del>
              <ins className="quote prose">{inWords(one.after)}</ins>
            </div>
          </div>
        ))}
      </div>
    </Query>
  );
}
