/** All pages. Each is one file in pages/, loaded when it is first shown. */

import { type ComponentType, type LazyExoticComponent, lazy } from "react";
import type { Permission } from "./api/types";
import { texts } from "./texts";
import type { IconName } from "./ui/icons";

export interface PageEntry {
  path: string;
  title: string;
  icon: IconName;
  key?: string; // pressed after "g"
  needs: Permission | null;
  isHidden?: boolean; // not in the navigation
  load: Load;
  component: LazyExoticComponent<ComponentType>;
}

type Load = () => Promise<{ default: ComponentType }>;

const page = (about: Omit<PageEntry, "load" | "component">, load: Load): PageEntry => ({ ...about, load, component: lazy(load) });

export const PAGES: PageEntry[] = [
  page({ path: "/today", title: texts.pages.today, icon: "today", key: "t", needs: "lead:read" }, () => import("./pages/today")),
  page({ path: "/board", title: texts.pages.board, icon: "board", key: "b", needs: "lead:read" }, () => import("./pages/board")),
  page({ path: "/leads", title: texts.pages.leads, icon: "leads", key: "l", needs: "lead:read" }, () => import("./pages/leads")),
  page({ path: "/leads/:id", title: texts.pages.lead, icon: "user", needs: "lead:read", isHidden: true }, () => import("./pages/lead")),
  page({ path: "/messages", title: texts.pages.messages, icon: "messages", key: "m", needs: "notification:manage" }, () => import("./pages/messages")),
  page({ path: "/operations", title: texts.pages.operations, icon: "operations", key: "o", needs: "automation:manage" }, () => import("./pages/operations")),
  page({ path: "/inbox", title: texts.pages.inbox, icon: "inbox", key: "i", needs: null, isHidden: true }, () => import("./pages/inbox")),
];

export const mayOpen = (page: PageEntry, permissions: readonly Permission[]): boolean =>
  page.needs === null || permissions.includes(page.needs);
