/** Settings: gateways, sending accounts, mailboxes and inbound providers, each with a test where the API has one. */

import GatewayChange from "openapi:GatewayChange";
import GatewayIn from "openapi:GatewayIn";
import InboundHookChange from "openapi:InboundHookChange";
import InboundHookIn from "openapi:InboundHookIn";
import MailboxChange from "openapi:MailboxChange";
import MailboxIn from "openapi:MailboxIn";
import SendingAccountChange from "openapi:SendingAccountChange";
import SendingAccountIn from "openapi:SendingAccountIn";
import SendingAccountTestIn from "openapi:SendingAccountTestIn";
import SmtpCredentials from "openapi:SmtpCredentials";
import SmtpSettings from "openapi:SmtpSettings";
import TwilioCredentials from "openapi:TwilioCredentials";
import TwilioSettings from "openapi:TwilioSettings";
import WhatsAppCloudCredentials from "openapi:WhatsAppCloudCredentials";
import WhatsAppCloudSettings from "openapi:WhatsAppCloudSettings";
import { useState } from "react";
import { request } from "../../api/request";
import { type FieldProps, type FieldRules, SchemaFields } from "../../forms/fields";
import { SchemaForm } from "../../forms/form";
import { type FormSchema, isObject, type JsonObject } from "../../forms/schema";
import { words } from "../../format";
import { toastError } from "../../ui/overlays";
import { Badge, Time } from "../../ui/parts";
import { Resource, type Row, type Tools } from "../resource";
import { settingsTexts as t } from "../texts";
import { activity } from "./people";

interface Tested {
  outcome?: string;
  response?: string;
  works?: boolean;
  error?: string | null;
  messages?: number | null;
}

/** Run a test of the API, and show the words of the server that was asked. */
const test = (path: string, { open }: Tools) => {
  request<Tested>("POST", path).then((result) => open(t.test, <Result result={result} />), toastError);
};

function Result({ result }: { result: Tested }) {
  const works = result.works ?? result.outcome === "sent";
  return (
    <p className={works ? "notice" : "notice bad"} role="status">
      {works ? t.works : t.fails} {result.response ?? result.error ?? ""} {result.messages ?? ""}
    </p>
  );
}

export const Gateways = () => (
  <Resource
    about={t.gateways}
    path="/api/gateways"
    nameOf={(row) => String(row.name)}
    columns={[
      ["Name", (row) => row.name as string],
      ["", (row) => (row.outage ? <Badge tone="bad">Down</Badge> : activity(row))],
      ["Purpose", (row) => words(String(row.purpose))],
      ["URL", (row) => <span className="prose">{row.url as string}</span>],
    ]}
    create={GatewayIn}
    change={GatewayChange}
    secretOf={(answer) => answer.secret as string}
    canDelete
    acts={(row, tools) => [
      { id: "test", label: t.test, act: () => test(`/api/gateways/${row.id}/test`, tools) },
      { id: "rotate", label: t.rotate, act: () => rotate(`/api/gateways/${row.id}/rotate-secret`, tools) },
    ]}
  />
);

export function rotate(path: string, tools: Tools): void {
  request<{ secret: string }>("POST", path).then(({ secret }) => tools.showSecret(secret), toastError);
}

const KINDS: Record<string, [FormSchema, FormSchema, string[]]> = {
  smtp: [SmtpSettings, SmtpCredentials, ["email"]],
  twilio: [TwilioSettings, TwilioCredentials, ["sms", "whatsapp"]],
  whatsapp_cloud: [WhatsAppCloudSettings, WhatsAppCloudCredentials, ["whatsapp"]],
};

/** Only what the chosen way to sign in needs. */
function signInRules({ sign_in }: JsonObject): FieldRules {
  const isMicrosoft = sign_in === "microsoft";
  const only = { isHidden: !isMicrosoft };
  const { port, security, signIn, clientId, clientSecret, tenant } = t.mailHints;
  return {
    port: { hint: port },
    security: { hint: security },
    sign_in: { hint: signIn },
    client_id: { ...only, hint: clientId },
    client_secret: { ...only, hint: clientSecret },
    tenant: { ...only, hint: tenant },
    password: { isHidden: isMicrosoft },
  };
}

/** The settings and credentials of the chosen kind. Credentials are never in an answer. */
function rulesOf(kind: string, draft: JsonObject): FieldRules {
  const [settings, credentials, channels] = KINDS[kind] ?? [{}, {}, []];
  const options = channels.map((value) => ({ value, label: t.choices[value] ?? words(value) }));
  const rules = signInRules(isObject(draft.settings) ? draft.settings : {});
  const part = (schema: FormSchema, pointer: string, isSecret: boolean) => (props: FieldProps) => <Part key={pointer} {...props} rules={rules} schema={isSecret ? secret(schema) : schema} pointer={pointer} />;
  const shown = kind in KINDS;
  return {
    settings: { isHidden: !shown, render: part(settings, "/settings", false) },
    credentials: { isHidden: !shown, render: part(credentials, "/credentials", true) },
    channels: { options, isHidden: !shown, hint: t.accounts.serves },
    default_for: { options, isHidden: !shown, label: "Default for" },
  };
}

const secret = (schema: FormSchema): FormSchema => ({
  ...schema,
  required: [],
  properties: Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, one]) => [name, { ...one, anyOf: undefined, type: "string", writeOnly: true }])),
});

function Part({ label, value, onChange, wrong, schema, pointer, rules }: FieldProps & { schema: FormSchema; pointer: string; rules: FieldRules }) {
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      {wrong && <p className="wrong">{wrong}</p>}
      <div className="fields">
        <SchemaFields schema={schema} value={isObject(value) ? value : {}} onChange={onChange} wrongAt={() => undefined} rules={rules} pointer={pointer} />
      </div>
    </fieldset>
  );
}

export const Accounts = () => (
  <Resource
    about={t.accounts}
    path="/api/sending-accounts"
    nameOf={(row) => String(row.name)}
    columns={[
      ["Name", (row) => row.name as string],
      ["", (row) => (row.outage ? <Badge tone="bad">Down</Badge> : activity(row))],
      ["Kind", (row) => t.choices[String(row.kind)] ?? words(String(row.kind))],
      ["Channels", (row) => (row.channels as string[]).map(words).join(", ")],
    ]}
    create={SendingAccountIn}
    change={SendingAccountChange}
    rules={(draft) => rulesOf(String(draft.kind), draft)}
    changeRules={(draft, row) => rulesOf(String(row.kind), draft)}
    canDelete
    acts={(row, tools) => [{ id: "test", label: t.test, act: () => tools.open(t.test, <AccountTest row={row} />) }]}
  />
);

function AccountTest({ row }: { row: Row }) {
  const [result, setResult] = useState<Tested | null>(null);
  const options = (row.channels as string[]).map((value) => ({ value, label: words(value) }));
  const send = async (body: JsonObject) => setResult(await request<Tested>("POST", `/api/sending-accounts/${row.id}/test`, { body }));
  return (
    <>
      <SchemaForm schema={SendingAccountTestIn} rules={{ channel: { options, isHidden: options.length < 2 }, to: { label: t.accounts.ownNumber, hint: t.accounts.ownHint, isHidden: row.kind === "smtp" } }} label={t.test} send={send} onDone={() => undefined} />
      {result && <Result result={result} />}
    </>
  );
}

export const Mailboxes = () => (
  <Resource
    about={t.mailboxes}
    path="/api/mailboxes"
    nameOf={(row) => String(row.name)}
    columns={[
      ["Name", (row) => row.name as string],
      ["", (row) => (row.error ? <Badge tone="bad">{row.error as string}</Badge> : activity(row))],
      ["User name", (row) => <span className="prose">{row.username as string}</span>],
      ["Server", (row) => <span className="prose">{row.host as string}</span>],
      [t.mailboxes.last, (row) => (row.last_seen_at ? <Time at={row.last_seen_at as string} relative /> : "–")],
    ]}
    create={MailboxIn}
    change={MailboxChange}
    rules={(draft) => ({ ...signInRules(draft), port: { hint: t.mailHints.imapPort } })}
    canDelete
    acts={(row, tools) => [{ id: "test", label: t.test, act: () => test(`/api/mailboxes/${row.id}/test`, tools) }]}
  />
);

export const Hooks = () => (
  <Resource
    about={t.hooks}
    path="/api/inbound-hooks"
    nameOf={(row) => String(row.name)}
    columns={[
      ["Name", (row) => row.name as string],
      ["", activity],
      ["Provider", (row) => words(String(row.provider))],
      ["URL", (row) => <code className="prose">{row.url as string}</code>],
    ]}
    create={InboundHookIn}
    change={InboundHookChange}
    canDelete
  />
);
