/** Sign-in, and the request for a password link. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useState } from "react";
import { clinicsOf, readProblem } from "../api/problem";
import { useMe } from "../api/queries";
import { end, resume, send, signIn } from "../api/session";
import { texts } from "../texts";
import { DialogBox } from "../ui/overlays";
import { Failure, TextField, useMistakes } from "../ui/parts";

export function SignIn() {
  const [email, setEmail] = useState("");
  const [isForgotten, forget] = useState(false);
  return (
    <main className="sign-in">
      {isForgotten ? (
        <Forgotten email={email} setEmail={setEmail} back={() => forget(false)} />
      ) : (
        <Credentials email={email} setEmail={setEmail} forget={() => forget(true)} />
      )}
    </main>
  );
}

/** The sign-in has ended while the page was open. A call that waits goes on after the new sign-in. */
export function SignInAgain() {
  const me = useMe();
  const [email, setEmail] = useState(me.email ?? "");
  const [password, setPassword] = useState("");
  const { attempt, clinics, mistakes } = useSignIn(email, password);
  useEffect(() => {
    const look = () => void resume().catch(() => undefined);
    window.addEventListener("focus", look);
    return () => window.removeEventListener("focus", look);
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt.mutate(undefined);
  };
  return (
    <DialogBox title={texts.signIn.again}>
      <p>{texts.signIn.ended}</p>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest("/email", "/password")}
        <TextField label={texts.signIn.email} value={email} onChange={setEmail} type="email" autoComplete="username" required wrong={mistakes.at("/email")} />
        <TextField label={texts.signIn.password} value={password} onChange={setPassword} type="password" autoComplete="current-password" required autoFocus wrong={mistakes.at("/password")} />
        <ClinicChoice clinics={clinics} choose={attempt.mutate} />
        <footer className="row">
          <button type="button" className="button" onClick={end}>
            {texts.signIn.discard}
          </button>
          <button type="submit" className="button primary" disabled={attempt.isPending}>
            {texts.signIn.submit}
          </button>
        </footer>
      </form>
    </DialogBox>
  );
}

/** An attempt to sign in, with its mistakes, or the clinics of which the user must choose one. */
function useSignIn(email: string, password: string) {
  const attempt = useMutation({ mutationFn: (clinic?: string) => signIn(email, password, clinic) });
  const clinics = clinicsOf(attempt.error);
  const mistakes = useMistakes(clinics.length ? null : attempt.error);
  return { attempt, clinics, mistakes };
}

/** The password is that of accounts in several clinics: its user chooses one. */
function ClinicChoice({ clinics, choose }: { clinics: { slug: string; name: string }[]; choose: (slug: string) => void }) {
  if (!clinics.length) return null;
  return (
    <fieldset className="group">
      <legend>{texts.signIn.whichClinic}</legend>
      {clinics.map(({ slug, name }) => (
        <button key={slug} type="button" className="button" onClick={() => choose(slug)}>
          {name}
        </button>
      ))}
    </fieldset>
  );
}

interface Given {
  email: string;
  setEmail: (email: string) => void;
}

function Credentials({ email, setEmail, forget }: Given & { forget: () => void }) {
  const [password, setPassword] = useState("");
  const { attempt, clinics, mistakes } = useSignIn(email, password);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt.mutate(undefined);
  };
  return (
    <form className="card" onSubmit={submit}>
      <Title text={texts.signIn.title} />
      {mistakes.rest("/email", "/password")}
      <TextField label={texts.signIn.email} value={email} onChange={setEmail} type="email" autoComplete="username" required autoFocus wrong={mistakes.at("/email")} />
      <TextField label={texts.signIn.password} value={password} onChange={setPassword} type="password" autoComplete="current-password" required wrong={mistakes.at("/password")} />
      <ClinicChoice clinics={clinics} choose={attempt.mutate} />
      <button type="submit" className="button primary" disabled={attempt.isPending}>
        {texts.signIn.submit}
      </button>
      <button type="button" className="button plain" onClick={forget}>
        {texts.signIn.forgot}
      </button>
    </form>
  );
}

function Forgotten({ email, setEmail, back }: Given & { back: () => void }) {
  const ask = useMutation({ mutationFn: () => askForLink(email) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  return (
    <form className="card" onSubmit={submit}>
      <Title text={texts.signIn.forgot} />
      {ask.error && <Failure error={ask.error} />}
      {ask.isSuccess ? (
        <p role="status">{texts.signIn.linkSent}</p>
      ) : (
        <TextField label={texts.signIn.email} value={email} onChange={setEmail} type="email" autoComplete="username" required autoFocus />
      )}
      {!ask.isSuccess && (
        <button type="submit" className="button primary" disabled={ask.isPending}>
          {texts.signIn.sendLink}
        </button>
      )}
      <button type="button" className="button plain" onClick={back}>
        {texts.signIn.back}
      </button>
    </form>
  );
}

async function askForLink(email: string): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  const response = await send(new Request("/api/auth/password-link", { method: "POST", headers, body: JSON.stringify({ email }) }));
  if (!response.ok) throw await readProblem(response);
}

function Title({ text }: { text: string }) {
  return (
    <div className="stack close">
      <p className="brand">
        <img src="/console/favicon.svg" alt="" />
        {texts.product}
      </p>
      <h1>{text}</h1>
    </div>
  );
}
