/** Keys: single ones ("j"), sequences ("g t") and chords ("mod+k"). They are off while a field or a dialog has the focus. */

import { useEffect, useRef } from "react";

export type KeyMap = Record<string, (event: KeyboardEvent) => void>;

const SEQUENCE = 900; // milliseconds between two keys of a sequence

export function useKeys(keys: KeyMap): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    let before = "";
    let timer = 0;
    const listen = (event: KeyboardEvent) => {
      const name = nameOf(event);
      if (!name || (isTyping(event) && !name.startsWith("mod+"))) return;
      const act = current.current[`${before} ${name}`] ?? current.current[name];
      clearTimeout(timer);
      before = name;
      timer = window.setTimeout(() => {
        before = "";
      }, SEQUENCE);
      if (!act) return;
      before = "";
      event.preventDefault();
      act(event);
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
}

function nameOf(event: KeyboardEvent): string {
  if (event.altKey || event.isComposing) return "";
  if (event.ctrlKey || event.metaKey) return `mod+${event.key.toLowerCase()}`;
  return event.key.length === 1 ? event.key : event.key.toLowerCase();
}

function isTyping({ target }: KeyboardEvent): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || target.closest("input:not([type=checkbox]), textarea, select, [role=dialog], [role=menu]") !== null;
}
