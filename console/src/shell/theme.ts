/** Light or dark, or as the system: the only setting that the browser keeps. */

import { createStore } from "../api/store";

type Theme = "auto" | "light" | "dark";

const NAME = "relance.theme";
export const theme = createStore<Theme>(read());

export function applyTheme(chosen: Theme = theme.get()): void {
  theme.set(chosen);
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(NAME, chosen);
  } catch {
    // The browser keeps nothing: the choice holds until the page is closed.
  }
}

function read(): Theme {
  try {
    const kept = localStorage.getItem(NAME);
    return kept === "light" || kept === "dark" ? kept : "auto";
  } catch {
    return "auto";
  }
}
