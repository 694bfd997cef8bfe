/** Settings: the clinic, its hours, contact policy, cancelled tasks, tracking and answers by e-mail. */

import ClinicProfilePatch from "openapi:ClinicProfilePatch";
import ContactPolicyIn from "openapi:ContactPolicyIn";
import FollowUpSettingsIn from "openapi:FollowUpSettingsIn";
import HoursIn from "openapi:HoursIn";
import InboundSettingsIn from "openapi:InboundSettingsIn";
import SenderIn from "openapi:SenderIn";
import TaskCancellationIn from "openapi:TaskCancellationIn";
import TrackingIn from "openapi:TrackingIn";
import { useQuery } from "@tanstack/react-query";
import { api, ok } from "../../api/client";
import { useMe, useSources } from "../../api/queries";
import type { FieldProps, FieldRules } from "../../forms/fields";
import { isObject, type Json, present } from "../../forms/schema";
import { zones } from "../../format";
import { Icon } from "../../ui/icons";
import { optionsOf } from "../../ui/parts";
import { SEARCH_PAUSE, useSettled } from "../../ui/settled";
import { Single } from "../single";
import { settingsTexts as t } from "../texts";

/** "United States" for US, "English" for en. A code that the browser does not know stays. */
const named = (type: "region" | "language", code: string): string => new Intl.DisplayNames("en", { type, fallback: "code" }).of(code) ?? code;

export function ClinicArea() {
  const { clinic } = useMe();
  return (
    <div className="stack">
      <Single about={t.clinic} path="/api/settings/clinic" schema={ClinicProfilePatch} rules={{ timezone: { label: t.clinic.timezone, hint: t.clinic.zoneHint, options: zones(clinic.timezone) } }}>
        <dl className="facts card">
          <dt>{t.clinic.country}</dt>
          <dd>{named("region", clinic.region)}</dd>
          <dt>{t.clinic.language}</dt>
          <dd>{named("language", clinic.language)}</dd>
        </dl>
      </Single>
      <Single about={t.sender} path="/api/settings/sender" schema={SenderIn} id="sender" rules={{ sender_name: { hint: t.sender.nameHint }, postal_address: {} }} />
    </div>
  );
}

export const HoursArea = () => (
  <Single about={t.hours} path="/api/settings/hours" schema={HoursIn} replacesParts rules={{ business_hours: { render: (props) => <Week key="hours" {...props} /> }, starts: { label: "From" }, ends: { label: "To" } }} />
);

export const FollowUpsArea = () => <Single about={t.followUps} path="/api/settings/follow-ups" schema={FollowUpSettingsIn} rules={{ stale_after_days: {}, spread_tasks_per_hour: {}, keep_history_days: {} }} beside={(draft) => <OldHistory days={draft.keep_history_days} />} />;

/** How much the number of days would delete today. Nothing is shown without a valid number. */
function OldHistory({ days }: { days: Json | undefined }) {
  const { minimum = 0, maximum = 0 } = present(FollowUpSettingsIn.properties?.keep_history_days ?? {});
  const settled = useSettled(days, SEARCH_PAUSE);
  const isValid = typeof settled === "number" && settled >= minimum && settled <= maximum;
  const counts = useQuery({
    queryKey: ["settings", "retention", settled],
    queryFn: () => ok(api.GET("/api/settings/follow-ups/retention-preview", { params: { query: { keep_history_days: settled as number } } })),
    enabled: isValid,
  });
  if (!isValid || !counts.data) return null;
  const { tasks, activities } = counts.data;
  return (
    <p className={tasks + activities > 0 ? "notice warn" : "notice"} role="status">
      {tasks + activities > 0 ? t.followUps.deletes(tasks, activities) : t.followUps.deletesNothing} {t.followUps.forGood}
    </p>
  );
}

type Span = [string, string];

/** The opening hours of a week: spans of each day. */
export function Week({ label, value, onChange, wrong }: FieldProps) {
  const week = (isObject(value) ? value : {}) as Record<string, Span[]>;
  const set = (day: string, spans: Span[]) => {
    const { [day]: _, ...rest } = week;
    onChange(spans.length ? { ...rest, [day]: spans } : rest);
  };
  return (
    <fieldset className="group">
      <legend>{label}</legend>
      {wrong && <p className="wrong">{wrong}</p>}
      <ul className="lines">
        {Object.entries(t.days).map(([day, name]) => (
          <li key={day}>
            <strong className="day">{name}</strong>
            <span className="grow row">
              {!week[day]?.length && <span className="soft">{t.hours.closed}</span>}
              {(week[day] ?? []).map((span, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: spans have no id
                <span key={at} className="row tight">
                  {([0, 1] as const).map((end) => (
                    <input key={end} className="input time" type="time" aria-label={`${name} ${end ? t.hours.to : t.hours.from}`} value={span[end]} onChange={(event) => set(day, (week[day] ?? []).map((one, place) => (place === at ? (one.map((old, index) => (index === end ? event.target.value : old)) as Span) : one)))} />
                  ))}
                  <button type="button" className="button plain icon-only" aria-label={`${t.hours.remove}: ${name} ${span[0]}`} onClick={() => set(day, (week[day] ?? []).filter((_, place) => place !== at))}>
                    <Icon name="close" />
                  </button>
                </span>
              ))}
            </span>
            <button type="button" className="button" aria-label={`${t.hours.add}: ${name}`} onClick={() => set(day, [...(week[day] ?? []), week[day]?.length ? ["14:00", "18:00"] : ["09:00", "18:00"]])}>
              <Icon name="plus" />
            </button>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

/** What limits the number of messages, then when they are sent, then what stops. */
const POLICY: FieldRules = {
  daily_cap: {},
  weekly_cap: {},
  per_sequence_cap: {},
  minimum_interval: {},
  window: {},
  business_hours_only: {},
  weekends: {},
  holidays: {},
  breaker: {},
  bounces: { label: t.policy.bounces, hint: t.policy.bouncesHint },
  opt_outs: { label: t.policy.optOuts, hint: t.policy.optOutsHint },
  failures: { label: t.policy.failures, hint: t.policy.failuresHint },
  min_messages: { label: t.policy.atLeast, hint: t.policy.atLeastHint },
};

export const PolicyArea = () => <Single about={t.policy} path="/api/settings/contact-policy" schema={ContactPolicyIn} rules={POLICY} />;
export const TasksArea = () => <Single about={t.tasks} path="/api/settings/task-cancellation" schema={TaskCancellationIn} rules={{ reasons: { hint: t.tasks.reasonsHint }, is_required: { hint: t.tasks.requiredHint }, only_listed: { hint: t.tasks.onlyHint } }} />;
export const TrackingArea = () => <Single about={t.tracking} path="/api/settings/message-tracking" schema={TrackingIn} />;

const INBOUND: FieldRules = {
  address: { hint: t.inbound.addressHint },
  takes_bounces: { label: t.inbound.bounces, hint: t.inbound.bouncesHint },
  unknown_senders: { hint: t.inbound.unknownHint, options: optionsOf(t.inbound.unknown) },
  source_id: {},
  match_days: { label: t.inbound.days, hint: t.inbound.daysHint },
  unsure_replies: { label: t.inbound.unsure, hint: t.inbound.unsureHint, options: optionsOf(t.inbound.unsureChoices) },
};

export function InboundArea() {
  const sources = useSources().data ?? [];
  const options = sources.map(({ id, name }) => ({ value: id, label: name }));
  return <Single about={t.inbound} path="/api/settings/inbound-email" schema={InboundSettingsIn} rules={{ ...INBOUND, source_id: { options, empty: t.inbound.ownSource, hint: t.inbound.sourceHint } }} />;
}
