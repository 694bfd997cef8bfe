/** A settings page of one kind of object: a table, with forms that are made from the API's description. */

import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { usePages } from "../api/queries";
import { request } from "../api/request";
import { type FieldRules } from "../forms/fields";
import { SchemaForm } from "../forms/form";
import type { FormSchema, JsonObject } from "../forms/schema";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { DialogBox, MenuButton, type MenuEntry, toast, toastError } from "../ui/overlays";
import { Empty, Query } from "../ui/parts";
import { settingsTexts as t } from "./texts";

export type Row = JsonObject & { id: string; version?: number };

/** What an act of a row may do besides its call. */
export interface Tools {
  open: (title: string, content: ReactNode) => void;
  close: () => void;
  reload: () => Promise<unknown>;
  /** Call the API, report the result and load the list again. */
  run: (done: string, call: () => Promise<unknown>) => void;
  showSecret: (secret: string) => void;
}

interface Props {
  about: { title: string; hint: string; what: string };
  path: string;
  query?: Record<string, string | boolean>;
  nameOf: (row: Row) => string;
  columns: [string, (row: Row) => ReactNode][];
  create?: FormSchema;
  made?: [field: string, from: string]; // a short name that is made from another field, and not asked for
  change?: FormSchema;
  rules?: FieldRules | ((draft: JsonObject) => FieldRules);
  changeRules?: FieldRules | ((draft: JsonObject, row: Row) => FieldRules);
  canChange?: (row: Row) => boolean;
  canDelete?: boolean | ((row: Row) => boolean);
  removeLabel?: string;
  secretOf?: (answer: JsonObject) => string | undefined;
  next?: (made: Row) => { title: string; content: ReactNode }; // shown after one was created
  acts?: (row: Row, tools: Tools) => MenuEntry[];
  order?: (rows: Row[], tools: Tools) => ((row: Row, by: -1 | 1) => void) | undefined;
}

/** The objects of a list, page by page. Every part of the settings that needs them shares one answer. */
export const useListed = (path: string, query: Record<string, string | boolean> = {}) =>
  usePages<Row>(["settings", "area", path, JSON.stringify(query)], (cursor) => request("GET", path, { query: { ...query, cursor, limit: path === "/api/roles" ? undefined : 100 } }));

/** A form is drawn from the page's props of the moment: its options may arrive after it was opened. */
type Open = { title: string; content: ReactNode | ((now: Props) => ReactNode) } | null;

export function Resource(props: Props) {
  const { about, path, query, nameOf, columns, create } = props;
  const client = useQueryClient();
  const [open, setOpen] = useState<Open>(null);
  const list = useListed(path, query);
  const close = () => setOpen(null);
  const tools: Tools = {
    open: (title, content) => setOpen({ title, content }),
    close,
    reload: () => client.invalidateQueries({ queryKey: ["settings"] }),
    run: (done, call) => {
      call()
        .then(() => toast(done), toastError)
        .finally(() => tools.reload());
    },
    showSecret: (secret) => setOpen({ title: t.secretTitle, content: <Secret secret={secret} onClose={close} /> }),
  };
  const begin = () => setOpen({ title: t.create(about.what), content: (now) => <CreateForm {...now} tools={tools} /> });
  const edit = (row: Row) => setOpen({ title: t.edit(nameOf(row)), content: (now) => <ChangeForm {...now} row={row} tools={tools} /> });
  const move = props.order?.(list.items, tools);
  return (
    <section className="stack" aria-labelledby="area">
      <div className="row between">
        <h2 id="area">{about.title}</h2>
        {create && (
          <button type="button" className="button primary" onClick={begin}>
            <Icon name="plus" />
            {t.create(about.what)}
          </button>
        )}
      </div>
      <p className="soft">{about.hint}</p>
      <Query of={list}>
        {list.items.length === 0 ? (
          <Empty icon="settings" title={t.empty} />
        ) : (
          <div className="table-box">
            <table>
              <thead>
                <tr>
                  {columns.map(([label], at) => (
                    <th key={label} className={at > 1 ? "wide-only" : undefined}>
                      {label || <span className="hidden">{texts.leads.status}</span>}
                    </th>
                  ))}
                  <th>
                    <span className="hidden">{texts.shell.menu}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {list.items.map((row, place) => (
                  <tr key={row.id ?? nameOf(row)}>
                    {columns.map(([label, cell], at) => (
                      <td key={label} className={at > 1 ? "wide-only" : undefined}>
                        {at === 0 && mayChange(props, row) ? (
                          <button type="button" className="link" aria-label={t.edit(nameOf(row))} onClick={() => edit(row)}>
                            {cell(row)}
                          </button>
                        ) : (
                          cell(row)
                        )}
                      </td>
                    ))}
                    <td className="right">
                      <span className="row tight end-acts">
                        {move && (
                          <>
                            <MoveButton label={t.moveUp(nameOf(row))} isOff={place === 0} act={() => move(row, -1)} isUp />
                            <MoveButton label={t.moveDown(nameOf(row))} isOff={place === list.items.length - 1} act={() => move(row, 1)} />
                          </>
                        )}
                        <RowMenu {...props} row={row} tools={tools} />
                      </span>
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
      {open && (
        <DialogBox title={open.title} onClose={close} isWide>
          {typeof open.content === "function" ? open.content(props) : open.content}
        </DialogBox>
      )}
    </section>
  );
}

const mayChange = ({ change, canChange }: Props, row: Row): boolean => change !== undefined && (canChange?.(row) ?? true);

function MoveButton({ label, isOff, act, isUp = false }: { label: string; isOff: boolean; act: () => void; isUp?: boolean }) {
  return (
    <button type="button" className={isUp ? "button plain icon-only upside" : "button plain icon-only"} aria-label={label} disabled={isOff} onClick={act}>
      <Icon name="down" />
    </button>
  );
}

function RowMenu({ row, tools, ...props }: Props & { row: Row; tools: Tools }) {
  const { nameOf, acts, canDelete, path, removeLabel = t.remove } = props;
  const remove = () => tools.open(removeLabel, <Remove name={nameOf(row)} label={removeLabel} onClose={tools.close} act={() => tools.run(t.removed, () => request("DELETE", `${path}/${row.id}`, { version: row.version }))} />);
  const entries = acts?.(row, tools) ?? [];
  if (typeof canDelete === "function" ? canDelete(row) : canDelete) entries.push({ id: "remove", label: removeLabel, icon: "close", act: remove });
  if (entries.length === 0) return null;
  return (
    <MenuButton label={t.acts(nameOf(row))} className="button plain icon-only" entries={entries}>
      <Icon name="more" />
    </MenuButton>
  );
}

function Remove({ name, label, act, onClose }: { name: string; label: string; act: () => void; onClose: () => void }) {
  const confirm = () => {
    act();
    onClose();
  };
  return (
    <div className="stack">
      <p>{t.removeSure(name)}</p>
      <footer className="row">
        <button type="button" className="button" onClick={onClose}>
          {texts.shell.cancel}
        </button>
        <button type="button" className="button danger" onClick={confirm}>
          {label}
        </button>
      </footer>
    </div>
  );
}

function CreateForm({ create = {}, made, path, rules, secretOf, next, tools }: Props & { tools: Tools }) {
  const asked = made ? without(create, made[0]) : create;
  const send = async (given: JsonObject) => {
    const body = made ? { ...given, [made[0]]: shortName(String(given[made[1]])) } : given;
    const answer = await request<Row>("POST", path, { body });
    const secret = secretOf?.(answer);
    const shown = next?.(answer);
    void tools.reload();
    toast(t.created);
    if (secret) tools.showSecret(secret);
    else if (shown) tools.open(shown.title, shown.content);
    else tools.close();
  };
  return <SchemaForm schema={asked} {...(rules && { rules })} label={texts.shell.create} send={send} onDone={() => undefined} onCancel={tools.close} />;
}

function without(schema: FormSchema, field: string): FormSchema {
  const { [field]: _, ...properties } = schema.properties ?? {};
  return { ...schema, properties, required: schema.required?.filter((one) => one !== field) ?? [] };
}

/** "Night desk" becomes "night_desk". A name without Latin letters becomes a number of its own. */
function shortName(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "");
  return plain.slice(0, 50) || `own_${Date.now().toString(36)}`;
}

function ChangeForm({ change = {}, path, rules, changeRules, row, tools }: Props & { row: Row; tools: Tools }) {
  const shown = changeRules ?? rules;
  const done = () => {
    void tools.reload();
    toast(t.saved);
    tools.close();
  };
  return (
    <SchemaForm
      schema={change}
      {...(shown && { rules: typeof shown === "function" ? (draft: JsonObject) => shown(draft, row) : shown })}
      begin={row}
      refetch={() => request<JsonObject>("GET", `${path}/${row.id}`)}
      send={(body, version) => request("PATCH", `${path}/${row.id}`, { body, version })}
      onDone={done}
      onCancel={tools.close}
    />
  );
}

export function CopyButton({ text }: { text: string }) {
  return (
    <button type="button" className="button" onClick={() => navigator.clipboard?.writeText(text).then(() => toast(t.copied), toastError)}>
      {t.copy}
    </button>
  );
}

/** A secret that the API shows only once. */
function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <div className="stack">
      <p>{t.secretHint}</p>
      <p className="quote prose">
        <code>{secret}</code>
      </p>
      <footer className="row">
        <CopyButton text={secret} />
        <button type="button" className="button primary" onClick={onClose}>
          {t.closeSecret}
        </button>
      </footer>
    </div>
  );
}
