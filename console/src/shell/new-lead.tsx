/** Quick entry of a lead, from anywhere. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { api, ok } from "../api/client";
import { useMe, useSources, useUsers } from "../api/queries";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { SelectField, TextArea, TextField, useMistakes } from "../ui/parts";
import { SamePerson, useSamePerson } from "./same-person";

const FIELDS = ["/first_name", "/last_name", "/phone", "/email", "/source_id", "/notes"];

/** The source that a user chose last, until the page is loaded again. The browser stores nothing. */
const lastSource = new Map<string, string>();

export function NewLeadDialog({ onClose }: { onClose: () => void }) {
  const [given, setGiven] = useState({ first_name: "", last_name: "", phone: "", email: "", source_id: "", notes: "" });
  const sources = useSources().data?.filter((source) => source.is_active) ?? [];
  const [, go] = useLocation();
  const client = useQueryClient();
  const users = useUsers().data;
  const me = useMe().id ?? "";
  const usual = sources.length === 1 ? sources[0] : sources.find((source) => source.id === lastSource.get(me));
  const source_id = given.source_id || usual?.id || "";
  const create = useMutation({
    mutationFn: () => ok(api.POST("/api/leads", { body: { ...present(given), first_name: given.first_name, last_name: given.last_name, source_id } })),
    onSuccess: (lead) => {
      lastSource.set(me, source_id);
      const owner = users?.find((user) => user.id === lead.assigned_to_id)?.name ?? "";
      toast(texts.leads.created(`${lead.first_name} ${lead.last_name}`, owner));
      void client.invalidateQueries({ queryKey: ["leads"] });
      onClose();
      go(`/leads/${lead.id}`);
    },
  });
  const mistakes = useMistakes(create.error);
  const known = useSamePerson(given);
  const isKnown = (known?.duplicates.length ?? 0) + (known?.hidden_duplicates ?? 0) > 0;
  const field = (name: keyof typeof given) => ({
    value: given[name],
    onChange: (value: string) => setGiven({ ...given, [name]: value }),
    wrong: mistakes.at(`/${name}`),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  return (
    <DialogBox title={texts.leads.create} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest(...FIELDS)}
        <div className="fields">
          <TextField label={texts.leads.firstName} {...field("first_name")} required autoFocus autoComplete="off" />
          <TextField label={texts.leads.lastName} {...field("last_name")} required autoComplete="off" />
          <TextField label={texts.leads.phone} {...field("phone")} type="tel" autoComplete="off" />
          <TextField label={texts.leads.email} {...field("email")} type="email" autoComplete="off" />
        </div>
        <SelectField label={texts.leads.source} {...field("source_id")} value={source_id} required options={[...(source_id ? [] : [{ value: "", label: texts.leads.chooseSource }]), ...sources.map(({ id, name }) => ({ value: id, label: name }))]} />
        <TextArea label={texts.leads.notes} {...field("notes")} />
        <SamePerson known={known} onClose={onClose} />
        <footer className="row">
          <button type="button" className="button" onClick={onClose}>
            {texts.shell.cancel}
          </button>
          <button type="submit" className="button primary" disabled={create.isPending}>
            {isKnown ? texts.leads.saveAnyway : texts.shell.create}
          </button>
        </footer>
      </form>
    </DialogBox>
  );
}

/** Leave out empty fields: the API stores them as missing. */
function present(given: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value.trim() !== ""));
}
