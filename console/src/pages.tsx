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
  component: LazyExoticComponent<ComponentType>;
}

export const PAGES: PageEntry[] = [
  { path: "/today", title: texts.pages.today, icon: "today", key: "t", needs: "lead:read", component: lazy(() => import("./pages/today")) },
  { path: "/leads", title: texts.pages.leads, icon: "leads", key: "l", needs: "lead:read", component: lazy(() => import("./pages/leads")) },
  { path: "/leads/:id", title: texts.pages.lead, icon: "user", needs: "lead:read", isHidden: true, component: lazy(() => import("./pages/lead")) },
  { path: "/inbox", title: texts.pages.inbox, icon: "inbox", key: "i", needs: null, isHidden: true, component: lazy(() => import("./pages/inbox")) },
];

export const mayOpen = (page: PageEntry, permissions: readonly Permission[]): boolean =>
  page.needs === null || permissions.includes(page.needs);
