/** Settings: people, roles, teams and API keys. */

import RoleIn from "openapi:RoleIn";
import RolePatch from "openapi:RolePatch";
import ApiKeyIn from "openapi:ApiKeyIn";
import Invitation from "openapi:Invitation";
import TeamIn from "openapi:TeamIn";
import TeamPatch from "openapi:TeamPatch";
import UserChanges from "openapi:UserChanges";
import { useMe, useUsers } from "../../api/queries";
import { request } from "../../api/request";
import type { FieldProps } from "../../forms/fields";
import { isObject, type JsonObject } from "../../forms/schema";
import { Badge, type Option, Time } from "../../ui/parts";
import { Resource, type Row, useListed } from "../resource";
import { settingsTexts as t } from "../texts";

const SCOPED = ["lead:read", "lead:update", "lead:assign", "lead:convert", "lead:analytics"];

/** The objects of a list, as options. */
const useOptions = (path: string, value = "id"): Option[] => useListed(path).items.map((one) => ({ value: String(one[value]), label: String(one.name) }));

export const activity = (row: Row) => (row.is_active ? <Badge tone="good">{t.active}</Badge> : <Badge>{t.inactive}</Badge>);

export function People() {
  const roles = useOptions("/api/roles", "slug");
  const teams = useOptions("/api/teams");
  const label = (options: Option[], value: unknown) => options.find((one) => one.value === value)?.label ?? "–";
  return (
    <Resource
      about={t.people}
      path="/api/users"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        ["Role", (row) => label(roles, row.role)],
        ["E-mail", (row) => <span className="prose">{row.email as string}</span>],
        ["Team", (row) => label(teams, row.team_id)],
        ["", (row) => (row.is_active && !row.has_password ? <Badge tone="warn">{t.people.waiting}</Badge> : activity(row))],
      ]}
      create={Invitation}
      change={UserChanges}
      rules={{ role: { options: roles }, team_id: { options: teams } }}
      acts={(row, { run }) =>
        row.is_active
          ? [
              ...(row.has_password ? [] : [{ id: "invite", label: t.people.invite, act: () => run(t.people.invited, () => request("POST", `/api/users/${row.id}/invite`)) }]),
              { id: "off", label: t.people.deactivate, act: () => run(t.people.deactivated, () => request("POST", `/api/users/${row.id}/deactivate`, { body: {} })) },
            ]
          : [{ id: "on", label: t.people.reactivate, act: () => run(t.people.reactivated, () => request("POST", `/api/users/${row.id}/reactivate`)) }]
      }
    />
  );
}

const isOwn = (row: Row): boolean => Boolean(row.id); // roles of the product have no id

export function Roles() {
  const grants = { grants: { render: (props: FieldProps) => <Grants key="grants" {...props} /> } };
  return (
    <Resource
      about={t.roles}
      path="/api/roles"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        ["", (row) => (isOwn(row) ? null : <Badge>{t.roles.builtIn}</Badge>)],
        [t.labels.grants ?? "", (row) => Object.keys(row.grants as JsonObject).length],
      ]}
      create={RoleIn}
      made={["slug", "name"]}
      change={RolePatch}
      rules={grants}
      canChange={isOwn}
      canDelete={isOwn}
    />
  );
}

/** Each permission with its scope. */
function Grants({ label, value, onChange, wrong, hint }: FieldProps) {
  const given = isObject(value) ? value : {};
  const set = (permission: string, scope: string) => {
    const { [permission]: _, ...rest } = given;
    onChange(scope ? { ...rest, [permission]: scope } : rest);
  };
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      {hint && <p className="hint">{hint}</p>}
      {wrong && <p className="wrong">{wrong}</p>}
      <div className="boxes">
        {Object.entries(t.permissions).map(([permission, name]) => (
          <label key={permission} className="grant">
            <span>{name}</span>
            <select className="input" value={String(given[permission] ?? "")} onChange={(event) => set(permission, event.target.value)}>
              <option value="">{t.scopes.none}</option>
              <option value="all">{SCOPED.includes(permission) ? t.scopes.all : t.whole}</option>
              {SCOPED.includes(permission) && <option value="team">{t.scopes.team}</option>}
              {SCOPED.includes(permission) && <option value="assigned">{t.scopes.assigned}</option>}
            </select>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export function Teams() {
  const users = useUsers().data ?? [];
  return (
    <Resource
      about={t.teams}
      path="/api/teams"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        [t.people.title, (row) => users.filter((user) => user.team_id === row.id).map((user) => user.name).join(", ") || "–"],
      ]}
      create={TeamIn}
      change={TeamPatch}
      canDelete
    />
  );
}

export function ApiKeys() {
  const own = useMe().permissions;
  return (
    <Resource
      about={t.keys}
      path="/api/api-keys"
      nameOf={(row) => String(row.name)}
      columns={[
        ["Name", (row) => row.name as string],
        ["Begins with", (row) => <code>{row.prefix as string}</code>],
        [t.labels.scopes ?? "", (row) => (row.scopes as string[]).map((one) => t.permissions[one] ?? one).join(", ")],
        [t.keys.used, (row) => (row.last_used_at ? <Time at={row.last_used_at as string} /> : t.keys.never)],
      ]}
      create={ApiKeyIn}
      rules={{ scopes: { options: own.map((value) => ({ value, label: t.permissions[value] ?? value })) } }}
      secretOf={(answer) => answer.key as string}
      canDelete
      removeLabel={t.keys.revoke}
    />
  );
}
