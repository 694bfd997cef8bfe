/** Ctrl-K: leads, timelines, messages, tasks and colleagues by any part, pages and acts. */

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Autocomplete, Dialog, Header, Input, Menu, MenuItem, MenuSection, Modal, ModalOverlay, SearchField } from "react-aria-components";
import { useLocation } from "wouter";
import { api, ok } from "../api/client";
import { signOut } from "../api/session";
import type { Me, Schemas } from "../api/types";
import { when } from "../format";
import { mayOpen, PAGES } from "../pages";
import { texts } from "../texts";
import { Icon, type IconName } from "../ui/icons";
import { toastError } from "../ui/overlays";
import { LONGEST_SEARCH, SEARCH_PAUSE, useSettled } from "../ui/settled";
import { overlay } from "./overlay";

interface Entry {
  id: string;
  label: string;
  icon: IconName;
  shown?: ReactNode; // in place of the label
  hint?: ReactNode; // a second line
  act: () => void;
}

type Hit = Schemas["HitOut"];
type Answer = Schemas["SearchOut"];

const t = texts.shell;
const MOST = 6; // of each kind
const ICONS: Record<Hit["kind"], IconName> = { lead: "user", note: "note", message: "mail", task: "check", user: "leads" };
const PLACES: [Hit["kind"], string][] = [["lead", t.paletteLeads], ["task", t.paletteTasks], ["note", t.paletteNotes], ["message", t.paletteMessages], ["user", t.paletteUsers]];

export function Palette({ me, onClose }: { me: Me; onClose: () => void }) {
  const [typed, type] = useState("");
  const [, go] = useLocation();
  const { answer, state } = useHits(typed, me);
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
    ...PLACES.map(([kind, title]): [string, Entry[]] => [title, (answer?.hits ?? []).filter((hit) => hit.kind === kind).map((hit) => entryOf(hit, visit))]),
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
            <Menu className="palette-list menu" aria-label={t.palette} onAction={act} renderEmptyState={() => <p className="menu-title" role="status">{emptyText(state, answer)}</p>}>
              {shown.map(([title, entries]) => (
                <MenuSection key={title} id={title}>
                  <Header className="menu-title">{title}</Header>
                  {entries.map((entry) => (
                    <MenuItem key={entry.id} id={entry.id} className="menu-item" textValue={entry.label}>
                      <Icon name={entry.icon} />
                      <span className="hit">
                        <span>{entry.shown ?? entry.label}</span>
                        {entry.hint && <span className="small soft">{entry.hint}</span>}
                      </span>
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

type State = "idle" | "asking" | "failed" | "answered";

/** The hits of what is typed, once no key was pressed for a moment. One letter of an alphabet is not asked for. */
function useHits(typed: string, me: Me): { answer: Answer | undefined; state: State } {
  const q = useSettled(typed.trim().slice(0, LONGEST_SEARCH), SEARCH_PAUSE);
  const letters = q.match(/[\p{L}\p{N}]/gu) ?? [];
  const isOn = (letters.length > 1 || /[\u0590-\u{10ffff}]/u.test(letters.join(""))) && me.permissions.includes("lead:read");
  const { data, isError } = useQuery({
    queryKey: ["leads", "search", q],
    queryFn: ({ signal }) => ok(api.POST("/api/search", { body: { q, limit: MOST }, signal })),
    enabled: isOn,
    placeholderData: (previous) => previous,
  });
  if (!isOn) return { answer: undefined, state: "idle" };
  return { answer: data, state: isError ? "failed" : data && q === typed.trim().slice(0, LONGEST_SEARCH) ? "answered" : "asking" };
}

function emptyText(state: State, answer: Answer | undefined): string {
  if (state === "answered") return t.paletteNothing((answer?.searched ?? []).map((kind) => t.paletteSearched[kind] ?? kind));
  return { idle: t.paletteEmpty, asking: t.paletteAsking, failed: t.paletteFailed }[state];
}

function entryOf(hit: Hit, visit: (path: string) => () => void): Entry {
  const isInTitle = hit.why === "name" || hit.why === "title" || hit.why === "similar_name";
  const isNamed = hit.matched.map(({ text }) => text).join("") === hit.lead_name; // the match is the lead's name
  const about = [hit.kind === "task" && !isNamed ? hit.lead_name : null, hit.direction && t.paletteDirections[hit.direction], hit.at && when(hit.at), hit.due_at && t.paletteDue(when(hit.due_at))].filter(Boolean).join(" · ");
  return {
    id: `${hit.kind} ${hit.id}`,
    label: hit.title,
    icon: ICONS[hit.kind],
    shown: isInTitle ? <Marked of={hit} /> : hit.title,
    hint: (
      <>
        {!isInTitle && (
          <>
            {t.paletteWhy[hit.why]}: <Marked of={hit} />
          </>
        )}
        {hit.why === "similar_name" && t.paletteWhy.similar_name}
        {about && `${isInTitle ? "" : " · "}${about}`}
      </>
    ),
    act: visit(hit.lead_id ? `/leads/${hit.lead_id}${hit.kind === "message" ? "?tab=messages" : ""}` : `/leads?assigned_to_id=${hit.id}`),
  };
}

function Marked({ of }: { of: Hit }) {
  return <bdi>{of.matched.map(({ text, is_match }, at) => (is_match ? <mark key={at}>{text}</mark> : text))}</bdi>;
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
