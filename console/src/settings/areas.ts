/** The areas of the settings, in the order of the list at the left. */

import type { ComponentType } from "react";
import type { Permission } from "../api/types";
import { Accounts, Gateways, Hooks, Mailboxes } from "./areas/channels";
import { ClinicArea, FollowUpsArea, HoursArea, InboundArea, PolicyArea, TasksArea, TrackingArea } from "./areas/clinic";
import { AssignmentRules, CustomFields, Sources, Stages, WebForms } from "./areas/leads";
import { ApiKeys, People, Roles, Teams } from "./areas/people";
import { Webhooks } from "./areas/webhooks";
import { settingsTexts as t } from "./texts";

interface Area {
  id: string; // in the address
  title: string;
  group: string;
  needs: Permission;
  component: ComponentType;
}

const area = (id: string, about: { title: string }, group: string, needs: Permission, component: ComponentType): Area => ({ id, title: about.title, group, needs, component });

export const AREAS: Area[] = [
  area("clinic", t.clinic, t.groups.clinic, "automation:manage", ClinicArea),
  area("hours", t.hours, t.groups.clinic, "automation:manage", HoursArea),
  area("contact-policy", t.policy, t.groups.clinic, "automation:manage", PolicyArea),
  area("follow-ups", t.followUps, t.groups.clinic, "automation:manage", FollowUpsArea),
  area("people", t.people, t.groups.people, "user:manage", People),
  area("roles", t.roles, t.groups.people, "user:manage", Roles),
  area("teams", t.teams, t.groups.people, "user:manage", Teams),
  area("stages", t.stages, t.groups.leads, "lead:configure", Stages),
  area("sources", t.sources, t.groups.leads, "lead:configure", Sources),
  area("fields", t.fields, t.groups.leads, "lead:configure", CustomFields),
  area("assignment", t.assignment, t.groups.leads, "lead:configure", AssignmentRules),
  area("tasks", t.tasks, t.groups.leads, "lead:configure", TasksArea),
  area("forms", t.forms, t.groups.leads, "lead:configure", WebForms),
  area("accounts", t.accounts, t.groups.messages, "notification:manage", Accounts),
  area("mailboxes", t.mailboxes, t.groups.messages, "notification:manage", Mailboxes),
  area("inbound", t.inbound, t.groups.messages, "notification:manage", InboundArea),
  area("providers", t.hooks, t.groups.messages, "notification:manage", Hooks),
  area("gateways", t.gateways, t.groups.messages, "notification:manage", Gateways),
  area("tracking", t.tracking, t.groups.messages, "notification:manage", TrackingArea),
  area("webhooks", t.webhooks, t.groups.programs, "notification:manage", Webhooks),
  area("api-keys", t.keys, t.groups.programs, "user:manage", ApiKeys),
];
