/** The question about a message of a lead that a user decides: who wrote it, or whether the lead asks to stop.

Without a question, a mail has a button that corrects who wrote it. */

import { api, ok } from "../api/client";
import { useAct, useMay } from "../api/queries";
import type { Schemas } from "../api/types";
import { texts } from "../texts";
import { toast, toastError } from "../ui/overlays";
import { Time } from "../ui/parts";

type Message = Schemas["LeadMessageOut"];
type Answer = Schemas["DecisionIn"]["answer"];

const t = texts.question;
const ANSWERS: Record<"author" | "opt_out", readonly Answer[]> = { author: ["person", "program"], opt_out: ["opt_out", "keep_writing"] };
const CORRECTIONS: Partial<Record<string, Answer>> = { reply: "program", auto_reply: "person" };

export function MessageQuestion({ message }: { message: Message }) {
  const mayDecide = useMay("lead:update");
  const decide = useAct(
    (answer: Answer) => {
      const body = { answer };
      return message.channel === "email"
        ? ok(api.POST("/api/inbound-emails/{inbound_email_id}/decide", { params: { path: { inbound_email_id: message.id } }, body })).then(() => answer)
        : ok(api.POST("/api/inbound-texts/{inbound_text_id}/decide", { params: { path: { inbound_text_id: message.id } }, body })).then(() => answer);
    },
    ["leads", "lead", "messages"],
  );
  const say = (answer: Answer) => decide.mutate(answer, { onSuccess: () => toast(t.done[answer]), onError: toastError });
  if (!message.question || !message.decide_by) {
    const other = message.channel === "email" && message.direction === "INBOUND" ? CORRECTIONS[message.state] : undefined;
    if (!other || !mayDecide) return null;
    return (
      <button type="button" className="button plain" disabled={decide.isPending} onClick={() => say(other)}>
        {t.answers[other]}
      </button>
    );
  }
  return (
    <div className="notice stack" role="group" aria-label={t.asks[message.question]}>
      <p>
        <strong>{t.asks[message.question]}</strong> {t.waits} {t.until} <Time at={message.decide_by} />
        {t.then[message.question]}
      </p>
      {mayDecide && (
        <p className="row">
          {ANSWERS[message.question].map((answer) => (
            <button key={answer} type="button" className="button" disabled={decide.isPending} onClick={() => say(answer)}>
              {t.answers[answer]}
            </button>
          ))}
        </p>
      )}
    </div>
  );
}
