/** My preferences: which notices arrive where, devices, password, light or dark. */

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ifMatch, ok } from "../api/client";
import { Problem } from "../api/problem";
import { useAct, usePages } from "../api/queries";
import { useStore } from "../api/store";
import type { Schemas } from "../api/types";
import { words, zones } from "../format";
import { overlay } from "../shell/overlay";
import { applyTheme, theme } from "../shell/theme";
import { texts } from "../texts";
import { toast, toastError } from "../ui/overlays";
import { Badge, Empty, Query, SelectField, TextField, useMistakes } from "../ui/parts";
import { areaTexts } from "./area-texts";
import { Sessions } from "./me-sessions";

type Preferences = Schemas["NoticePreferencesOut"];
type Notice = Schemas["NoticeOut"];
type Value = Notice["channels"][number]["value"];

const t = areaTexts.me;
const TOPICS = ["settings"];
const VALUES: Record<Value, string> = { planned: "As planned", on: "Always", off: "Off", digest: "Daily summary" };
const SUMMARIES = ["daily_summary", "weekly_summary"];

export default function Me() {
  const preferences = useQuery({ queryKey: ["settings", "preferences"], queryFn: () => ok(api.GET("/api/me/notice-preferences")) });
  const [saves, setSaves] = useState(0);
  return (
    <>
      <div className="page-head">
        <h1>{texts.pages.me}</h1>
      </div>
      <section className="card stack">
        <h2>{t.notices}</h2>
        <p className="soft">{t.noticesHint}</p>
        <Query of={preferences}>{preferences.data && <Notices key={saves} stored={preferences.data} reload={() => preferences.refetch().then(() => setSaves((n) => n + 1))} />}</Query>
      </section>
      <Devices />
      <section className="card stack">
        <h2>{t.password}</h2>
        <p className="soft">{t.passwordHint}</p>
        <p>
          <button type="button" className="button" onClick={() => overlay.set("password")}>
            {t.changePassword}
          </button>
        </p>
      </section>
      <Sessions />
      <Appearance />
    </>
  );
}

const choicesOf = (kind: string, channel: string): Value[] => (SUMMARIES.includes(kind) ? ["planned", "off"] : channel === "email" ? ["planned", "on", "off", "digest"] : ["planned", "on", "off"]);

function Notices({ stored, reload }: { stored: Preferences; reload: () => void }) {
  const [changes, setChanges] = useState<Record<string, Record<string, Value>>>({});
  const [digestAt, setDigestAt] = useState(stored.digest_at);
  const [zone, setZone] = useState(stored.sources.timezone === "own" ? stored.timezone : "");
  const save = useAct(
    () =>
      ok(
        api.PATCH("/api/me/notice-preferences", {
          params: { header: ifMatch(stored.version) },
          body: { digest_at: digestAt || null, timezone: zone || null, notices: changes as Schemas["NoticesChange"] },
        }),
      ),
    TOPICS,
  );
  const isStale = save.error instanceof Problem && save.error.status === 412;
  const mistakes = useMistakes(isStale ? null : save.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate(undefined, {
      onSuccess: () => {
        toast(t.saved);
        reload();
      },
    });
  };
  const channels = [...new Set(stored.notices.flatMap((one) => one.channels.map(({ channel }) => channel)))];
  return (
    <form className="stack" onSubmit={submit}>
      {isStale && (
        <p className="notice warn" role="alert">
          {t.conflict}
        </p>
      )}
      {mistakes.rest("/digest_at", "/timezone")}
      <div className="table-box" tabIndex={0} role="region" aria-label={t.notices}>
        <table className="choices">
          <thead>
            <tr>
              <th>{t.kind}</th>
              {channels.map((one) => (
                <th key={one}>{words(one)}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {stored.notices.map((notice) => (
              <tr key={notice.kind}>
                <td>
                  <strong>{words(notice.kind)}</strong>
                  <p className="small soft">{notice.description}</p>
                </td>
                {channels.map((channel) => (
                  <td key={channel} data-label={words(channel)}>
                    <Choice
                      notice={notice}
                      channel={channel}
                      chosen={changes[notice.kind]?.[channel]}
                      choose={(value) => setChanges({ ...changes, [notice.kind]: { ...changes[notice.kind], [channel]: value } })}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="fields">
        <TextField label={t.digestAt} type="time" value={digestAt} onChange={setDigestAt} wrong={mistakes.at("/digest_at")} />
        <SelectField label={t.timezone} value={zone} onChange={setZone} options={[{ value: "", label: t.clinicZone }, ...zones(stored.timezone)]} wrong={mistakes.at("/timezone")} />
      </div>
      <footer className="row">
        <button type="submit" className="button primary" disabled={save.isPending}>
          {t.save}
        </button>
      </footer>
    </form>
  );
}

interface ChoiceProps {
  notice: Notice;
  channel: string;
  chosen: Value | undefined;
  choose: (value: Value) => void;
}

function Choice({ notice, channel, chosen, choose }: ChoiceProps) {
  const stored = notice.channels.find((one) => one.channel === channel);
  if (!stored) return <span className="soft">–</span>;
  if (notice.is_mandatory) return <Badge>{t.mandatory}</Badge>;
  return (
    <select className="input" aria-label={`${words(notice.kind)}: ${words(channel)}`} value={chosen ?? stored.value} onChange={(event) => choose(event.target.value as Value)}>
      {choicesOf(notice.kind, channel).map((value) => (
        <option key={value} value={value}>
          {VALUES[value]}
        </option>
      ))}
    </select>
  );
}

function Devices() {
  const list = usePages<Schemas["DestinationOut"]>(["settings", "destinations"], (cursor) => ok(api.GET("/api/me/destinations", { params: { query: { cursor, limit: 100 } } })));
  const test = useAct((id: string) => ok(api.POST("/api/me/destinations/{destination_id}/test", { params: { path: { destination_id: id } } })), TOPICS);
  const remove = useAct((one: Schemas["DestinationOut"]) => ok(api.DELETE("/api/me/destinations/{destination_id}", { params: { path: { destination_id: one.id }, header: ifMatch(one.version) } })), TOPICS);
  const report = (text: string) => ({ onSuccess: () => toast(text), onError: toastError });
  return (
    <section className="card stack">
      <h2>{t.devices}</h2>
      <Query of={list} rows={1}>
        {list.items.length === 0 && <Empty icon="inbox" title={t.noDevices} />}
        <ul className="lines">
          {list.items.map((one) => (
            <li key={one.id}>
              <strong>{one.name ?? one.host}</strong>
              <span className="grow soft">{words(one.channel)}</span>
              {one.test && <Badge tone={one.test.state === "sent" ? "good" : one.test.state === "failed" ? "bad" : ""}>{one.test.error ?? words(one.test.state)}</Badge>}
              <button type="button" className="button" aria-label={`${t.test}: ${one.name ?? one.host}`} onClick={() => test.mutate(one.id, report(t.tested))}>
                {t.test}
              </button>
              <button type="button" className="button" aria-label={`${t.remove}: ${one.name ?? one.host}`} onClick={() => remove.mutate(one, report(t.removed))}>
                {t.remove}
              </button>
            </li>
          ))}
        </ul>
      </Query>
      <Push />
      <AddChannel />
    </section>
  );
}

/** Web Push: the browser's own service delivers notices to this device. */
function Push() {
  const subscribe = useAct(async () => {
    if (!("serviceWorker" in navigator) || !("PushManager" in window)) throw new Error(t.pushOff);
    const { public_key } = await ok(api.GET("/api/me/destinations/web-push-key"));
    const worker = await navigator.serviceWorker.register("/console/sw.js");
    const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: public_key }).catch(() => {
      throw new Error(t.pushOff);
    });
    const { endpoint = "", keys } = subscription.toJSON();
    return ok(api.POST("/api/me/destinations", { body: { channel: "web_push", endpoint, keys: { auth: keys?.auth ?? "", p256dh: keys?.p256dh ?? "" }, name: navigator.platform.slice(0, 100) || null } }));
  }, TOPICS);
  return (
    <div className="row">
      <h3 className="grow">{t.push}</h3>
      <button type="button" className="button" disabled={subscribe.isPending} onClick={() => subscribe.mutate(undefined, { onSuccess: () => toast(t.pushOn), onError: toastError })}>
        {t.subscribe}
      </button>
    </div>
  );
}

function AddChannel() {
  const [channel, setChannel] = useState("slack");
  const [url, setUrl] = useState("");
  const [name, setName] = useState("");
  const add = useAct(() => ok(api.POST("/api/me/destinations", { body: { channel: channel as "slack" | "teams", url, name: name || null } })), TOPICS);
  const mistakes = useMistakes(add.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(undefined, {
      onSuccess: () => {
        toast(t.added);
        setUrl("");
        setName("");
      },
    });
  };
  return (
    <form className="stack" onSubmit={submit}>
      <h3>{t.addSlack}</h3>
      {mistakes.rest("/url", "/name", "/channel")}
      <div className="fields">
        <SelectField label={t.channel} value={channel} onChange={setChannel} options={["slack", "teams"].map((value) => ({ value, label: words(value) }))} wrong={mistakes.at("/channel")} />
        <TextField label={t.url} type="url" value={url} onChange={setUrl} required autoComplete="off" wrong={mistakes.at("/url")} />
        <TextField label={t.name} value={name} onChange={setName} wrong={mistakes.at("/name")} />
      </div>
      <footer className="row">
        <button type="submit" className="button" disabled={add.isPending}>
          {t.add}
        </button>
      </footer>
    </form>
  );
}

function Appearance() {
  const chosen = useStore(theme);
  const labels = { auto: texts.shell.themeAuto, light: texts.shell.themeLight, dark: texts.shell.themeDark };
  return (
    <section className="card stack">
      <h2>{t.appearance}</h2>
      <div className="row" role="group" aria-label={t.appearance}>
        {(["auto", "light", "dark"] as const).map((one) => (
          <button key={one} type="button" className="button" aria-pressed={chosen === one} onClick={() => applyTheme(one)}>
            {labels[one]}
          </button>
        ))}
      </div>
    </section>
  );
}
