/** Navigation, top bar and the page of the address. */

import { useQuery } from "@tanstack/react-query";
import { Suspense, useEffect, useRef, useState } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { api, ok } from "../api/client";
import { isLive } from "../api/live";
import { isOnline, signOut } from "../api/session";
import { useStore } from "../api/store";
import type { Me } from "../api/types";
import { mayOpen, PAGES, pageOf } from "../pages";
import { texts } from "../texts";
import { Icon } from "../ui/icons";
import { type KeyMap, useKeys } from "../ui/keys";
import { MenuButton, toastError } from "../ui/overlays";
import { Empty, Loading } from "../ui/parts";
import { Boundary } from "./boundary";
import { KeysDialog } from "./keys-dialog";
import { NewLeadDialog } from "./new-lead";
import { overlay } from "./overlay";
import { Palette } from "./palette";
import { PasswordDialog } from "./password";
import { applyTheme, theme } from "./theme";

export function Shell({ me }: { me: Me }) {
  const open = useStore(overlay);
  const [, go] = useLocation();
  const close = () => overlay.set("");
  const allowed = PAGES.filter((page) => mayOpen(page, me.permissions));
  const keys: KeyMap = { "mod+k": () => overlay.set("palette"), "/": () => overlay.set("palette"), "?": () => overlay.set("keys") };
  if (me.permissions.includes("lead:create")) keys.n = () => overlay.set("new-lead");
  for (const page of allowed) if (page.key) keys[`g ${page.key}`] = () => go(page.path);
  useKeys(keys);
  useEffect(() => {
    const timer = setTimeout(() => PAGES.forEach(({ load }) => void load().catch(() => undefined)), 2000);
    return () => clearTimeout(timer); // the other pages open at once, and without a connection too
  }, []);
  return (
    <>
      <a className="skip" href="#content">
        {texts.skip}
      </a>
      <div className="shell">
        <Sidebar me={me} />
        <div className="main">
          <TopBar me={me} />
          <Content me={me} />
        </div>
      </div>
      {open === "palette" && <Palette me={me} onClose={close} />}
      {open === "keys" && <KeysDialog pages={allowed} onClose={close} />}
      {open === "password" && <PasswordDialog onClose={close} />}
      {open === "new-lead" && <NewLeadDialog onClose={close} />}
    </>
  );
}

function Sidebar({ me }: { me: Me }) {
  const [location] = useLocation();
  const shown = PAGES.filter((page) => !page.isHidden && mayOpen(page, me.permissions));
  const live = useStore(isLive);
  return (
    <aside className="sidebar" aria-label={texts.product}>
      <p className="brand">
        <img src="/console/favicon.svg" alt="" />
        {texts.product}
      </p>
      <nav aria-label={texts.shell.navigation}>
        <ul>
          {shown.map((page) => (
            <li key={page.path}>
              <Link className="nav-link" href={page.path} aria-current={location.startsWith(page.path) ? "page" : undefined}>
                <Icon name={page.icon} />
                {page.title}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="foot">
        <strong>{me.clinic.name}</strong>
        <span>{texts.shell.zone(me.clinic.timezone)}</span>
        <span className={live ? "live on" : "live"}>{live ? texts.state.live : texts.state.notLive}</span>
      </div>
    </aside>
  );
}

function TopBar({ me }: { me: Me }) {
  const chosen = useStore(theme);
  const [, go] = useLocation();
  const entries = [
    { id: "me", label: texts.pages.me, act: () => go("/me") },
    { id: "password", label: texts.password.title, act: () => overlay.set("password") },
    ...(["auto", "light", "dark"] as const).map((one) => ({
      id: one,
      label: { auto: texts.shell.themeAuto, light: texts.shell.themeLight, dark: texts.shell.themeDark }[one],
      end: chosen === one ? <Icon name="check" /> : undefined,
      act: () => applyTheme(one),
    })),
    { id: "keys", label: texts.shell.keys, end: <kbd>?</kbd>, act: () => overlay.set("keys") },
    { id: "docs", label: texts.shell.docs, act: () => window.open("/docs", "_blank", "noopener") },
    { id: "out", label: texts.signIn.signOut, act: () => signOut().catch(toastError) },
  ];
  return (
    <header className="topbar">
      <button type="button" className="button search-button" onClick={() => overlay.set("palette")}>
        <Icon name="search" />
        {texts.shell.search}
        <kbd>Ctrl K</kbd>
      </button>
      <div className="end">
        {me.permissions.includes("lead:create") && (
          <button type="button" className="button" aria-label={texts.leads.create} onClick={() => overlay.set("new-lead")}>
            <Icon name="plus" />
            <span className="only-wide">{texts.leads.create}</span>
          </button>
        )}
        <Bell />
        <MenuButton label={`${texts.shell.account}: ${me.name}`} className="button plain icon-only" entries={entries}>
          <Icon name="user" />
        </MenuButton>
      </div>
    </header>
  );
}

function Bell() {
  const { data } = useQuery({ queryKey: ["inbox", "unread"], queryFn: () => ok(api.GET("/api/notifications/mine/unread")) });
  const unread = data?.unread ?? 0;
  return (
    <Link className="button plain icon-only bell" href="/inbox" aria-label={texts.inbox.count(unread)}>
      <Icon name="inbox" />
      {unread > 0 && <span className="dot">{Math.min(unread, 99)}</span>}
    </Link>
  );
}

function Content({ me }: { me: Me }) {
  const online = useStore(isOnline);
  const content = useRef<HTMLElement>(null);
  const [location] = useLocation();
  const [first] = useState(location);
  const page = pageOf(location);
  useEffect(() => {
    document.title = page ? `${page.title} · ${texts.product}` : texts.product;
    if (location !== first) content.current?.focus(); // a screen reader reads the new page from its beginning
    window.scrollTo(0, 0);
  }, [location, page, first]);
  return (
    <main id="content" className="content" tabIndex={-1} ref={content}>
      {!online && (
        <p className="notice warn" role="alert">
          <Icon name="warn" />
          {texts.state.offline}
        </p>
      )}
      <Boundary key={location}>
        <Suspense fallback={<Loading />}>
          <Switch>
            <Route path="/">
              <Redirect to="/today" replace />
            </Route>
            {PAGES.map((one) => (
              <Route key={one.path} path={one.path}>
                {mayOpen(one, me.permissions) ? <one.component /> : <NoPage title={texts.state.notAllowed} />}
              </Route>
            ))}
            <Route>
              <NoPage title={texts.state.notFound} />
            </Route>
          </Switch>
        </Suspense>
      </Boundary>
    </main>
  );
}

function NoPage({ title }: { title: string }) {
  return (
    <Empty icon="search" title={title}>
      <Link className="button" href="/today">
        {texts.state.toToday}
      </Link>
    </Empty>
  );
}
