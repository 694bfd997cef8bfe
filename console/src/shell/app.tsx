/** The console: the sign-in page, or the shell with the page of the address. */

import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, ok } from "../api/client";
import { follow } from "../api/live";
import { queries } from "../api/queries";
import { accessToken, end, session } from "../api/session";
import { useStore } from "../api/store";
import { setZone } from "../format";
import { Failure, Loading } from "../ui/parts";
import { Toasts } from "../ui/overlays";
import { Shell } from "./shell";
import { SignIn, SignInAgain } from "./sign-in";

const KEPT = 3_600_000; // milliseconds that a page waits for its user after the end of a sign-in

export function App() {
  const state = useStore(session);
  useEffect(() => {
    if (state === "out") queries.clear(); // nothing of the former user stays in memory
    if (state !== "expired") return undefined;
    queries.removeQueries({ type: "inactive" }); // only the page under the dialog stays, with what is typed in it
    const timer = setTimeout(end, KEPT);
    return () => clearTimeout(timer);
  }, [state]);
  if (state === "unknown") return <Begin />;
  return (
    <>
      {state === "out" ? <SignIn /> : <SignedIn />}
      {state === "expired" && <SignInAgain />}
      <Toasts />
    </>
  );
}

/** The cookie of an earlier sign-in may still be valid. */
function Begin() {
  const { error, refetch } = useQuery({ queryKey: ["begin"], queryFn: () => accessToken().then(() => true), gcTime: 0 });
  return <main className="content">{error ? <Failure error={error} retry={() => refetch()} /> : <Loading />}</main>;
}

function SignedIn() {
  const me = useQuery({ queryKey: ["settings", "me"], queryFn: () => ok(api.GET("/api/me")), staleTime: Number.POSITIVE_INFINITY });
  useEffect(() => {
    const closing = new AbortController();
    void follow(queries, closing.signal);
    return () => closing.abort();
  }, []);
  if (me.data) setZone(me.data.clinic.timezone);
  if (me.data) return <Shell me={me.data} />;
  return <main className="content">{me.error ? <Failure error={me.error} retry={() => me.refetch()} /> : <Loading />}</main>;
}
