/** A settings page of one object with a version, such as the contact policy. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { request } from "../api/request";
import type { FieldRules } from "../forms/fields";
import { SchemaForm } from "../forms/form";
import type { FormSchema, JsonObject } from "../forms/schema";
import { toast } from "../ui/overlays";
import { Query } from "../ui/parts";
import { settingsTexts as t } from "./texts";

interface Props {
  about: { title: string; hint: string };
  path: string;
  schema: FormSchema;
  rules?: FieldRules;
  replacesParts?: boolean;
  id?: string; // of the heading, where a page has several
  beside?: (draft: JsonObject) => ReactNode; // below the fields, about their present values
  children?: ReactNode;
}

export function Single({ about, path, schema, rules, replacesParts = false, id = "area", beside, children }: Props) {
  const client = useQueryClient();
  const load = () => request<JsonObject>("GET", path);
  const stored = useQuery({ queryKey: ["settings", "single", path], queryFn: load });
  const done = () => {
    toast(t.saved);
    void client.invalidateQueries({ queryKey: ["settings"] });
  };
  return (
    <section className="stack" aria-labelledby={id}>
      <h2 id={id}>{about.title}</h2>
      <p className="soft">{about.hint}</p>
      {children}
      <Query of={stored} rows={4}>
        {stored.data && (
          <div className="card">
            <SchemaForm schema={schema} replacesParts={replacesParts} {...(rules && { rules })} begin={stored.data} refetch={load} send={(body, version) => request("PATCH", path, { body, version })} onDone={done}>
              {beside}
            </SchemaForm>
          </div>
        )}
      </Query>
    </section>
  );
}
