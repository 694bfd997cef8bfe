const token = location.hash.slice(1);
const form = document.getElementById("form");
const statusText = document.getElementById("status");
history.replaceState(null, "", location.pathname); // the token stays out of the browser's history

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  statusText.textContent = "";
  const password = document.getElementById("password").value;
  try {
    const response = await fetch("/api/auth/password", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, password }),
    });
    if (response.ok) {
      form.remove();
      statusText.textContent = "Your password is set. You can sign in now.";
      const next = document.getElementById("next");
      next.hidden = false;
      next.firstChild.focus();
      return;
    }
    const problem = await response.json();
    const messages = (problem.errors ?? []).map((error) => error.message);
    statusText.textContent = messages.join(" ") || problem.detail || problem.title;
  } catch {
    statusText.textContent = "The server is not reachable. Please try again.";
  }
});
