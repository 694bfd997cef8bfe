/** Sign-in, and the request for a password link. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { readProblem } from "../api/problem";
import { send, signIn } from "../api/session";
import { texts } from "../texts";
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

interface Given {
  email: string;
  setEmail: (email: string) => void;
}

function Credentials({ email, setEmail, forget }: Given & { forget: () => void }) {
  const [password, setPassword] = useState("");
  const attempt = useMutation({ mutationFn: () => signIn(email, password) });
  const mistakes = useMistakes(attempt.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt.mutate();
  };
  return (
    <form className="card" onSubmit={submit}>
      <Title text={texts.signIn.title} />
      {mistakes.rest("/email", "/password")}
      <TextField label={texts.signIn.email} value={email} onChange={setEmail} type="email" autoComplete="username" required autoFocus wrong={mistakes.at("/email")} />
      <TextField label={texts.signIn.password} value={password} onChange={setPassword} type="password" autoComplete="current-password" required wrong={mistakes.at("/password")} />
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
