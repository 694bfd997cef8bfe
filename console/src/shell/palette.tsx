/** Ctrl-K: leads by name, pages and acts. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Autocomplete, Dialog, Header, Input, Menu, MenuItem, MenuSection, Modal, ModalOverlay, SearchField } from "react-aria-components";
import { useLocation } from "wouter";
import { api, ok } from "../api/client";
import { signOut } from "../api/session";
import type { Me } from "../api/types";
import { mayOpen, PAGES } from "../pages";
import { texts } from "../texts";
import { Icon, type IconName } from "../ui/icons";
import { toastError } from "../ui/overlays";
import { overlay } from "./overlay";

interface Entry {
  id: string;
  label: string;
  icon: IconName;
  act: () => void;
}

const t = texts.shell;
const MOST = 8; // leads

export function Palette({ me, onClose }: { me: Me; onClose: () => void }) {
  const [typed, type] = useState("");
  const [, go] = useLocation();
  const leads = useLeads(typed, me);
  const visit = (path: string) => () => {
    onClose();
    go(path);
  };
  const named = useNamed(me, typed.trim().length > 1);
  const contains = (entry: Entry) => entry.label.toLowerCase().includes(typed.trim().toLowerCase());
  const pages = PAGES.filter((page) => !page.path.includes(":") && mayOpen(page, me.permissions))
    .map((page): Entry => ({ id: page.path, label: page.title, icon: page.icon, act: visit(page.path) }))
    .filter(contains);
  const sections: [string, Entry[]][] = [
    [t.paletteLeads, leads.map(({ id, name }) => ({ id, label: name, icon: "user", act: visit(`/leads/${id}`) }))],
    [t.palettePages, pages],
    [t.paletteNamed, typed.trim().length > 1 ? named.map((one) => ({ ...one, act: visit(one.id) })).filter(contains).slice(0, MOST) : []],
    [t.paletteActs, acts(me).filter(contains)],
  ];
  const shown = sections.filter(([, entries]) => entries.length > 0);
  const act = (id: unknown) => shown.flatMap(([, entries]) => entries).find((entry) => entry.id === id)?.act();
  return (
    <ModalOverlay className="veil" isOpen isDismissable onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Modal className="modal">
        <Dialog aria-label={t.palette} className="palette">
          <Autocomplete inputValue={typed} onInputChange={type}>
            <SearchField aria-label={t.palette} autoFocus>
              <Input className="palette-input" placeholder={t.search} autoComplete="off" />
            </SearchField>
            <Menu className="palette-list menu" aria-label={t.palette} onAction={act} renderEmptyState={() => <p className="menu-title">{t.paletteEmpty}</p>}>
              {shown.map(([title, entries]) => (
                <MenuSection key={title} id={title}>
                  <Header className="menu-title">{title}</Header>
                  {entries.map((entry) => (
                    <MenuItem key={entry.id} id={entry.id} className="menu-item" textValue={entry.label}>
                      <Icon name={entry.icon} />
                      {entry.label}
                    </MenuItem>
                  ))}
                </MenuSection>
              ))}
            </Menu>
          </Autocomplete>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}

function useLeads(typed: string, me: Me): { id: string; name: string }[] {
  const q = typed.trim();
  const { data } = useQuery({
    queryKey: ["leads", "names", q],
    queryFn: ({ signal }) =>
      ok(api.GET("/api/leads", { params: { query: { q, limit: MOST, fields: "id,first_name,last_name" } }, signal })),
    enabled: q.length > 1 && me.permissions.includes("lead:read"),
    placeholderData: (previous) => previous,
  });
  return q.length > 1 ? (data?.items.map(({ id, first_name, last_name }) => ({ id, name: `${first_name} ${last_name}` })) ?? []) : [];
}

/** Rules, sequences, nurtures, playbooks and saved reports. Their ids are paths of pages. */
function useNamed(me: Me, isOn: boolean): Omit<Entry, "act">[] {
  const may = { rules: me.permissions.includes("automation:read"), reports: me.permissions.includes("lead:analytics") };
  const { data = [] } = useQuery({
    queryKey: ["settings", "palette", may],
    enabled: isOn,
    queryFn: async () => {
      const params = { query: { limit: 200 } };
      const [rules, sequences, nurtures, playbooks, reports] = await Promise.all([
        may.rules ? ok(api.GET("/api/follow-up-rules", { params })) : null,
        may.rules ? ok(api.GET("/api/sequences", { params })) : null,
        may.rules ? ok(api.GET("/api/nurtures", { params })) : null,
        may.rules ? ok(api.GET("/api/playbooks")) : null,
        may.reports ? ok(api.GET("/api/leads/analytics/saved-reports", { params })) : null,
      ]);
      const entries = (family: string, of: { name: string; id: string }[] = []) => of.map(({ name, id }) => ({ id: `/automation/${family}/${id}`, label: name, icon: "bolt" as const }));
      return [
        ...entries("rules", rules?.items),
        ...entries("sequences", sequences?.items),
        ...entries("nurtures", nurtures?.items),
        ...(playbooks?.items.map(({ name, title }) => ({ id: `/automation/playbooks/${name}`, label: title, icon: "bolt" as const })) ?? []),
        ...(reports?.items.map(({ id, name }) => ({ id: `/reports?open=${id}`, label: name, icon: "numbers" as const })) ?? []),
      ];
    },
  });
  return data;
}

function acts(me: Me): Entry[] {
  const all: Entry[] = [
    { id: "keys", label: t.keys, icon: "bolt", act: () => overlay.set("keys") },
    { id: "password", label: texts.password.title, icon: "user", act: () => overlay.set("password") },
    { id: "out", label: texts.signIn.signOut, icon: "back", act: () => signOut().catch(toastError) },
  ];
  if (!me.permissions.includes("lead:create")) return all;
  return [{ id: "new", label: texts.leads.create, icon: "plus", act: () => overlay.set("new-lead") }, ...all];
}
