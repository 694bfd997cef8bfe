import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/queries";
import { loadPage } from "./pages";
import { App } from "./shell/app";
import { applyTheme } from "./shell/theme";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/pages.css";
import "./styles/settings.css";
import "./styles/automation.css";

applyTheme();
loadPage(location.pathname); // while the sign-in is renewed
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
