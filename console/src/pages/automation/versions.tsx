/** Versions of a rule or sequence: what changed in each, and the way back. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useAct } from "../../api/queries";
import { automationTexts as t } from "../../texts/automation";
import { toast, toastError } from "../../ui/overlays";
import { Badge, Query, Time } from "../../ui/parts";
import { useNames } from "../names";
import { compare, type Definition, rollBack, versionsOf } from "./kinds";

interface Props {
  definition: Definition;
  mayChange: boolean;
  onChanged: () => void;
}

export function Versions({ definition, mayChange, onChanged }: Props) {
  const { userName } = useNames();
  const [compared, show] = useState("");
  const list = useQuery({ queryKey: ["settings", definition.family, definition.id, "versions", definition.version], queryFn: () => versionsOf(definition) });
  const back = useAct((number: number) => rollBack(definition, number), ["settings"]);
  const use = (number: number) =>
    back.mutate(number, {
      onSuccess: () => {
        toast(t.rolledBack(number));
        onChanged();
      },
      onError: toastError,
    });
  return (
    <Query of={list} rows={3}>
      <ul className="lines">
        {list.data?.map(({ number, state, created_at, created_by, note }) => {
          const key = String(number);
          return (
            <li key={key}>
              <strong>{number === null ? t.theDraft : t.version(number)}</strong>
              <Badge tone={state === "published" ? "good" : state === "draft" ? "warn" : ""}>{t.versionStates[state]}</Badge>
              <span className="grow soft">
                <Time at={created_at} /> {created_by && userName(created_by)} {note}
              </span>
              {(number === null || number > 1) && (
                <button type="button" className="button" aria-expanded={compared === key} onClick={() => show(compared === key ? "" : key)}>
                  {number === null ? t.compareDraft : t.compare}
                </button>
              )}
              {mayChange && number !== null && state === "retired" && (
                <button type="button" className="button" disabled={back.isPending} onClick={() => use(number)}>
                  {t.rollBack}
                </button>
              )}
              {compared === key && <Differences definition={definition} after={number} />}
            </li>
          );
        })}
      </ul>
    </Query>
  );
}

function Differences({ definition, after }: { definition: Definition; after: number | null }) {
  const found = useQuery({ queryKey: ["settings", definition.family, definition.id, "diff", definition.version, after], queryFn: () => compare(definition, after) });
  const inWords = (value: unknown) => (value === null || value === undefined ? "–" : typeof value === "string" ? value : JSON.stringify(value, null, 1));
  return (
    <Query of={found} rows={1}>
      <div className="stack close grow whole">
        {found.data?.differences.length === 0 && <p className="soft">{t.same}</p>}
        {found.data?.differences.map((one) => (
          <div key={one.pointer} className="stack close">
            <code>{one.pointer}</code>
            <div className="values">
              <del className="quote prose">
                <span className="hidden">{t.before}: </span>
                {inWords(one.before)}
              </del>
              <ins className="quote prose">
                <span className="hidden">{t.after}: </span>
                {inWords(one.after)}
              </ins>
            </div>
          </div>
        ))}
      </div>
    </Query>
  );
}
