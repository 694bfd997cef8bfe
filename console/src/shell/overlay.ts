/** The dialog of the shell that is open. Pages open one with it. */

import { createStore } from "../api/store";

type Overlay = "" | "palette" | "keys" | "password" | "new-lead";

export const overlay = createStore<Overlay>("");
