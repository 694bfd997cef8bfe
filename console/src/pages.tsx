/** All pages. Each is one file in pages/, loaded when it is first shown. */

import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { Permission } from "./api/types";
import { texts } from "./texts";
import { automationTexts } from "./texts/automation";
import { numbersTexts } from "./texts/numbers";
import { reportsTexts } from "./texts/reports";
import type { IconName } from "./ui/icons";

export interface PageEntry {
  path: string;
  title: string;
  icon: IconName;
  key?: string; // pressed after "g"
  needs: Permission | readonly Permission[] | null; // of several, any one
  isHidden?: boolean; // not in the navigation
  load: Load;
  component: LazyExoticComponent<ComponentType>;
}

type Load = () => Promise<{ default: ComponentType }>;

const page = (about: Omit<PageEntry, "load" | "component">, load: Load): PageEntry => ({ ...about, load, component: lazy(load) });

const SETTINGS: readonly Permission[] = ["lead:configure", "user:manage", "automation:manage", "notification:manage"];

export const PAGES: PageEntry[] = [
  page({ path: "/today", title: texts.pages.today, icon: "today", key: "t", needs: "lead:read" }, () => import("./pages/today")),
  page({ path: "/board", title: texts.pages.board, icon: "board", key: "b", needs: "lead:read" }, () => import("./pages/board")),
  page({ path: "/leads", title: texts.pages.leads, icon: "leads", key: "l", needs: "lead:read" }, () => import("./pages/leads")),
  page({ path: "/leads/:id", title: texts.pages.lead, icon: "user", needs: "lead:read", isHidden: true }, () => import("./pages/lead")),
  page({ path: "/messages", title: texts.pages.messages, icon: "messages", key: "m", needs: "notification:manage" }, () => import("./pages/messages")),
  page({ path: "/operations", title: texts.pages.operations, icon: "operations", key: "o", needs: "automation:manage" }, () => import("./pages/operations")),
  page({ path: "/numbers", title: numbersTexts.title, icon: "numbers", key: "u", needs: "lead:analytics" }, () => import("./pages/numbers")),
  page({ path: "/automation", title: automationTexts.title, icon: "bolt", key: "f", needs: "automation:read" }, () => import("./pages/automation")),
  page({ path: "/automation/:kind/:id", title: automationTexts.title, icon: "bolt", needs: "automation:read", isHidden: true }, () => import("./pages/automation")),
  page({ path: "/reports", title: reportsTexts.title, icon: "note", key: "r", needs: "lead:analytics" }, () => import("./pages/reports")),
  page({ path: "/conversations", title: texts.pages.conversations, icon: "mail", key: "c", needs: "lead:read" }, () => import("./pages/conversations")),
  page({ path: "/conversations/:id", title: texts.pages.conversations, icon: "mail", needs: "lead:read", isHidden: true }, () => import("./pages/conversations")),
  page({ path: "/templates", title: texts.pages.templates, icon: "note", key: "e", needs: "automation:read" }, () => import("./pages/templates")),
  page({ path: "/templates/:id", title: texts.pages.templates, icon: "note", needs: "automation:read", isHidden: true }, () => import("./pages/templates")),
  page({ path: "/import", title: texts.pages.import, icon: "upload", needs: "lead:import" }, () => import("./pages/import")),
  page({ path: "/import/:id", title: texts.pages.import, icon: "upload", needs: "lead:import", isHidden: true }, () => import("./pages/import")),
  page({ path: "/settings", title: texts.pages.settings, icon: "settings", key: "s", needs: SETTINGS }, () => import("./pages/settings")),
  page({ path: "/settings/:area", title: texts.pages.settings, icon: "settings", needs: SETTINGS, isHidden: true }, () => import("./pages/settings")),
  page({ path: "/audit", title: texts.pages.audit, icon: "audit", key: "a", needs: "audit:read" }, () => import("./pages/audit")),
  page({ path: "/me", title: texts.pages.me, icon: "user", key: "p", needs: null, isHidden: true }, () => import("./pages/me")),
  page({ path: "/inbox", title: texts.pages.inbox, icon: "inbox", key: "i", needs: null, isHidden: true }, () => import("./pages/inbox")),
];

export const mayOpen = ({ needs }: PageEntry, permissions: readonly Permission[]): boolean =>
  needs === null || [needs].flat().some((one) => permissions.includes(one as Permission));

export const pageOf = (location: string): PageEntry | undefined => PAGES.find(({ path }) => matches(path, location));

/** Load the script of an address ahead. A failure is told when the page is shown. */
export function loadPage(location: string): void {
  pageOf(location === "/" ? "/today" : location)?.load().catch(() => undefined);
}

function matches(pattern: string, location: string): boolean {
  const [wanted, given] = [pattern.split("/"), location.split("/")];
  return wanted.length === given.length && wanted.every((part, at) => part.startsWith(":") || part === given[at]);
}
