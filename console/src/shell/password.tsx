/** Change of the own password. The API ends all sign-ins with it, so the sign-in page follows. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, ok } from "../api/client";
import { end } from "../api/session";
import { texts } from "../texts";
import { DialogBox, toast } from "../ui/overlays";
import { TextField, useMistakes } from "../ui/parts";

export function PasswordDialog({ onClose }: { onClose: () => void }) {
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const change = useMutation({
    mutationFn: () => ok(api.POST("/api/auth/change-password", { body: { current_password: current, new_password: fresh } })),
    onSuccess: () => {
      toast(texts.password.changed);
      end();
    },
  });
  const mistakes = useMistakes(change.error);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <DialogBox title={texts.password.title} onClose={onClose}>
      <form className="stack" onSubmit={submit}>
        {mistakes.rest("/current_password", "/new_password")}
        <TextField label={texts.password.current} value={current} onChange={setCurrent} type="password" autoComplete="current-password" required wrong={mistakes.at("/current_password")} />
        <TextField label={texts.password.fresh} value={fresh} onChange={setFresh} type="password" autoComplete="new-password" required hint={texts.password.hint} wrong={mistakes.at("/new_password")} />
        <footer className="row">
          <button type="submit" className="button primary" disabled={change.isPending}>
            {texts.password.submit}
          </button>
        </footer>
      </form>
    </DialogBox>
  );
}
