/** Rules, sequences, nurtures and playbooks. */

import { Link, useParams, useSearchParams } from "wouter";
import { useMay } from "../api/queries";
import { automationTexts as t } from "../texts/automation";
import { Icon } from "../ui/icons";
import { DefinitionPage } from "./automation/definition";
import { familyOf } from "./automation/kinds";
import { DefinitionList } from "./automation/list";
import { Playbook, Playbooks } from "./automation/playbooks";

type Kind = keyof typeof t.kinds;

export default function Automation() {
  const { kind, id } = useParams<{ kind?: string; id?: string }>();
  const family = familyOf(kind);
  if (family && id) return <DefinitionPage key={id} family={family} id={id} />;
  if (kind === "playbooks" && id) return <Playbook key={id} name={id} />;
  return <Lists />;
}

function Lists() {
  const [search, setSearch] = useSearchParams();
  const mayChange = useMay("automation:manage");
  const given = search.get("kind") ?? "rules";
  const kind: Kind = given in t.kinds ? (given as Kind) : "rules";
  const family = familyOf(kind);
  return (
    <>
      <div className="page-head">
        <h1>{t.title}</h1>
        <div className="row" role="group" aria-label={t.kindList}>
          {Object.entries(t.kinds).map(([one, label]) => (
            <button key={one} type="button" className="button" aria-pressed={kind === one} onClick={() => setSearch({ kind: one })}>
              {label}
            </button>
          ))}
        </div>
        {mayChange && family && (
          <div className="acts">
            <Link className="button primary" href={`/automation/${family}/new`}>
              <Icon name="plus" />
              {t.create[family]}
            </Link>
          </div>
        )}
      </div>
      {family ? (
        <DefinitionList key={family} family={family} />
      ) : (
        <>
          <p className="soft">{t.hints.playbooks}</p>
          <Playbooks />
        </>
      )}
    </>
  );
}
