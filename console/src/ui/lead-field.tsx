/** Choose a lead by typing its name. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ComboBox, Input, Label, ListBox, ListBoxItem, Popover } from "react-aria-components";
import { api, ok } from "../api/client";
import { texts } from "../texts";
import { useSettled } from "./settled";

interface Props {
  label: string;
  hint: string;
  onChange: (leadId: string) => void;
}

interface Found {
  id: string;
  name: string;
}

const MOST = 8;
const PAUSE = 250; // milliseconds

export function LeadField({ label, hint, onChange }: Props) {
  const [typed, type] = useState("");
  const [chosen, choose] = useState<Found | null>(null);
  const q = useSettled(typed.trim(), PAUSE);
  const { data } = useQuery({
    queryKey: ["leads", "names", q],
    queryFn: ({ signal }) => ok(api.GET("/api/leads", { params: { query: { q, limit: MOST, fields: "id,first_name,last_name" } }, signal })),
    enabled: q.length > 1,
    placeholderData: (previous) => previous,
  });
  const found = data?.items.map(({ id, first_name, last_name }): Found => ({ id, name: `${first_name} ${last_name}` })) ?? [];
  const items = chosen && !found.some(({ id }) => id === chosen.id) ? [chosen, ...found] : found;
  const select = (key: unknown) => {
    const one = items.find(({ id }) => id === key) ?? null;
    choose(one);
    type(one?.name ?? "");
    onChange(one?.id ?? "");
  };
  return (
    <ComboBox
      className="field"
      items={items}
      inputValue={typed}
      onInputChange={type}
      selectedKey={chosen?.id ?? null}
      onSelectionChange={select}
      defaultFilter={() => true}
      allowsEmptyCollection
      menuTrigger="input"
    >
      <Label>{label}</Label>
      <Input className="input" placeholder={hint} autoComplete="off" />
      <Popover className="popover">
        <ListBox className="menu" renderEmptyState={() => <p className="menu-title">{q.length > 1 && data ? texts.shell.paletteEmpty : hint}</p>}>
          {(one: Found) => (
            <ListBoxItem id={one.id} className="menu-item" textValue={one.name}>
              {one.name}
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </ComboBox>
  );
}
