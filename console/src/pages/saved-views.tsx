/** Saved views of leads: own and shared ones. They hold filters and order, and never names. */

import { useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { FormDialog } from "../acts/lead-dialogs";
import { api, ifMatch, ok } from "../api/client";
import { useAct, useMe } from "../api/queries";
import type { Schemas } from "../api/types";
import { viewTexts as t } from "../texts/lead";
import { Icon } from "../ui/icons";
import { MenuButton, type MenuEntry, toast, toastError } from "../ui/overlays";
import { TextField, useMistakes } from "../ui/parts";
import type { LeadFilters } from "./lead-filters";

interface Props {
  filters: Record<string, unknown>;
  canSave: boolean;
  show: (filters: LeadFilters) => void;
}

export function SavedViews({ filters, canSave, show }: Props) {
  const me = useMe();
  const [isSaving, save] = useState(false);
  const { data } = useQuery({
    queryKey: ["settings", "lead-views"],
    queryFn: async () => (await ok(api.GET("/api/leads/views", { params: { query: { limit: 200 } } }))).items,
  });
  const views = data ?? [];
  const remove = useAct(
    (view: Schemas["ViewOut"]) => ok(api.DELETE("/api/leads/views/{lead_view_id}", { params: { path: { lead_view_id: view.id }, header: ifMatch(view.version) } })),
    ["settings"],
  );
  const entries: MenuEntry[] = [
    ...views.map((view) => ({
      id: view.id,
      label: view.name,
      end: view.shared ? t.shared : undefined,
      act: () => show(view.filters as LeadFilters),
    })),
    ...(views.length === 0 ? [{ id: "none", label: t.none, isDisabled: true, act: () => undefined }] : []),
    { id: "save", label: t.save, icon: "plus", isDisabled: !canSave, act: () => (Object.keys(filters).length > 0 ? save(true) : toastError(new Error(t.nothing))) },
    ...views
      .filter((view) => view.user_id === me.id)
      .map((view): MenuEntry => ({
        id: `remove-${view.id}`,
        label: t.remove(view.name),
        icon: "close",
        act: () => remove.mutate(view, { onSuccess: () => toast(t.removed(view.name)), onError: toastError }),
      })),
  ];
  return (
    <>
      <MenuButton label={t.button} entries={entries}>
        {t.button}
        <Icon name="down" />
      </MenuButton>
      {isSaving && <SaveDialog filters={filters} onClose={() => save(false)} />}
    </>
  );
}

function SaveDialog({ filters, onClose }: { filters: Record<string, unknown>; onClose: () => void }) {
  const [name, setName] = useState("");
  const [shared, share] = useState(false);
  const given = Object.fromEntries(Object.entries(filters).map(([key, value]) => [key, String(value)]));
  const save = useAct(() => ok(api.POST("/api/leads/views", { body: { name, shared, filters: given } })), ["settings"]);
  const mistakes = useMistakes(save.error);
  return (
    <FormDialog title={t.saveTitle} label={t.save.replace("…", "")} done={t.saved(name)} save={save} onClose={onClose}>
      {mistakes.rest("/name")}
      <TextField label={t.name} value={name} onChange={setName} required autoFocus maxLength={100} wrong={mistakes.at("/name")} />
      <label className="check">
        <input type="checkbox" checked={shared} onChange={(event) => share(event.target.checked)} />
        {t.share}
      </label>
    </FormDialog>
  );
}
