/** One rule, sequence or nurture: read it, change it, try it, publish it, and see what it did. */

import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { Link, useLocation, useSearchParams } from "wouter";
import { FormDialog } from "../../acts/lead-dialogs";
import { Problem } from "../../api/problem";
import { useAct, useMay } from "../../api/queries";
import { automationTexts as t } from "../../texts/automation";
import { Icon } from "../../ui/icons";
import { toast, toastError } from "../../ui/overlays";
import { Query, useMistakes } from "../../ui/parts";
import { withParam } from "../lead-filters";
import { DefinitionEditor } from "./editor";
import { change, type Definition, type Family, load, publish, read, remove, simulate } from "./kinds";
import { States } from "./list";
import { NurtureRuns } from "./nurture";
import { Outline } from "./outline";
import { LatestSteps, SequenceResults } from "./results";
import { Simulation } from "./simulation";
import { DryRun, Impact } from "./trials";
import { Versions } from "./versions";

type TabName = keyof typeof t.tabs;

const TABS: Record<Family, TabName[]> = {
  rules: ["read", "edit", "test", "simulate", "leads", "versions"],
  sequences: ["read", "edit", "simulate", "leads", "results", "versions"],
  nurtures: ["read", "edit", "runs"],
};
const TOPICS = ["settings", "automation", "steps"];

export function DefinitionPage({ family, id }: { family: Family; id: string }) {
  const mayChange = useMay("automation:manage");
  const one = useQuery({ queryKey: ["settings", family, id], queryFn: () => load(family, id), enabled: id !== "new" });
  return (
    <>
      <Link className="row small back" href={`/automation?kind=${family}`}>
        <Icon name="back" />
        {t.back}
      </Link>
      {id === "new" ? (
        <>
          <div className="page-head">
            <h1>{t.create[family]}</h1>
          </div>
          <section className="card">
            <DefinitionEditor family={family} mayChange={mayChange} onSaved={() => undefined} />
          </section>
        </>
      ) : (
        <Query of={one}>{one.data && <Shown key={id} one={one.data} mayChange={mayChange} refetch={() => one.refetch()} />}</Query>
      )}
    </>
  );
}

interface ShownProps {
  one: Definition;
  mayChange: boolean;
  refetch: () => unknown;
}

function Shown({ one, mayChange, refetch }: ShownProps) {
  const [search, setSearch] = useSearchParams();
  const [saves, setSaves] = useState(0); // the editor begins anew after its own change
  const names = TABS[one.family];
  const tab = names.find((name) => name === search.get("tab")) ?? "read";
  const open = (name: TabName) => setSearch(withParam(search, "tab", name), { replace: true });
  const saved = async () => {
    await refetch();
    setSaves((n) => n + 1);
  };
  const content: Record<TabName, () => ReactNode> = {
    read: () => <Reading one={one} />,
    edit: () => <DefinitionEditor key={saves} family={one.family} definition={one} mayChange={mayChange} onSaved={saved} />,
    test: () => (
      <>
        <DryRun definition={one} />
        <Impact definition={one} />
      </>
    ),
    simulate: () => <Simulation mark={`${one.id} ${one.version}`} ask={(body) => simulate(one, body)} />,
    leads: () => <LatestSteps definition={one} />,
    results: () => <SequenceResults definition={one} />,
    versions: () => <Versions definition={one} mayChange={mayChange} onChanged={saved} />,
    runs: () => <NurtureRuns definition={one} mayChange={mayChange} />,
  };
  return (
    <>
      <div className="page-head">
        <h1>{one.name}</h1>
        <States of={one} />
        {one.runs && <p className="soft">{t.runs(one.runs.total, one.runs.failed)}</p>}
        {mayChange && <Acts one={one} onPublished={() => open("leads")} />}
      </div>
      {one.pausedBecause && (
        <div className="notice bad" role="alert">
          <p>
            {t.pausedBecause} {one.pausedBecause}
          </p>
        </div>
      )}
      {one.warnings.length > 0 && (
        <div className="notice warn">
          <div className="stack close">
            <strong>{t.warnings}</strong>
            {[...new Set(one.warnings.map(({ message }) => message))].map((message) => (
              <p key={message}>{message}</p>
            ))}
          </div>
        </div>
      )}
      <Tabs className="card tabs" selectedKey={tab} onSelectionChange={(key) => open(key as TabName)}>
        <TabList aria-label={t.sections} className="tab-list">
          {names.map((name) => (
            <Tab key={name} id={name} className="tab">
              {t.tabs[name]}
            </Tab>
          ))}
        </TabList>
        {names.map((name) => (
          <TabPanel key={name} id={name} className="tab-panel">
            {content[name]()}
          </TabPanel>
        ))}
      </Tabs>
    </>
  );
}

function Reading({ one }: { one: Definition }) {
  const isDraft = one.draft !== null;
  const shown = one.draft ?? one.published ?? {};
  const found = useQuery({ queryKey: ["automation", "words", one.id, one.version], queryFn: () => read(one.family, { definition: shown }), staleTime: Infinity });
  const description = typeof shown.description === "string" ? shown.description : "";
  return (
    <Query of={found} rows={4}>
      {description && <p className="prose">{description}</p>}
      {isDraft && <p className="soft">{`${t.shows}: ${t.shownVersion(null)}`}</p>}
      {found.data && <Outline of={found.data} />}
    </Query>
  );
}

function Acts({ one, onPublished }: { one: Definition; onPublished: () => void }) {
  const [isRemoving, ask] = useState(false);
  const [isPublishing, askToPublish] = useState(false);
  const turning = useAct((is_active: boolean) => change(one, { is_active }), TOPICS);
  const canTurn = one.number !== null;
  return (
    <div className="acts">
      {one.draft && (
        <button type="button" className="button primary" onClick={() => askToPublish(true)}>
          {t.publish}
        </button>
      )}
      {canTurn && (
        <button
          type="button"
          className="button"
          disabled={turning.isPending}
          onClick={() => turning.mutate(!one.isActive || one.pausedBecause !== null, { onSuccess: (now) => toast(now.isActive ? t.turnedOn : t.turnedOff), onError: toastError })}
        >
          {one.isActive && !one.pausedBecause ? t.pause : t.resume}
        </button>
      )}
      <button type="button" className="button danger" onClick={() => ask(true)}>
        {t.remove}
      </button>
      {isPublishing && <PublishDialog one={one} onPublished={onPublished} onClose={() => askToPublish(false)} />}
      {isRemoving && <RemoveDialog one={one} onClose={() => ask(false)} />}
    </div>
  );
}

/** Says what a rule would have done before it is published. A refusal is shown here. */
function PublishDialog({ one: current, onPublished, onClose }: { one: Definition; onPublished: () => void; onClose: () => void }) {
  const [one] = useState(current); // what the user has seen: a draft that comes meanwhile is not published
  const act = useAct(async () => {
    await publish(one);
    onPublished();
  }, TOPICS);
  const isStale = act.error instanceof Problem && act.error.status === 412;
  const mistakes = useMistakes(isStale ? null : act.error);
  return (
    <FormDialog title={t.publishTitle(one.name)} label={t.publishNow} done={t.published} save={act} onClose={onClose} isWide isReady={!isStale}>
      {isStale && (
        <p className="notice warn" role="alert">
          {t.publishConflict}
        </p>
      )}
      {mistakes.rest()}
      <p>{t.publishHint[one.family]}</p>
      {one.family === "rules" && <Impact definition={one} begin={30} />}
    </FormDialog>
  );
}

function RemoveDialog({ one, onClose }: { one: Definition; onClose: () => void }) {
  const [, go] = useLocation();
  const act = useAct(async () => {
    await remove(one);
    go(`/automation?kind=${one.family}`, { replace: true });
  }, TOPICS);
  const mistakes = useMistakes(act.error);
  return (
    <FormDialog title={t.removeTitle(one.name)} label={t.removeNow} done={t.removed} save={act} onClose={onClose}>
      {mistakes.rest()}
      <p>{t.removeHint}</p>
    </FormDialog>
  );
}
