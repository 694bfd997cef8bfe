const token = location.hash.slice(1);
const form = document.getElementById("form");
const said = document.getElementById("said");
history.replaceState(null, "", location.pathname); // the token stays out of the browser's history

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const password = document.getElementById("password").value;
  try {
    const answer = await fetch("/api/auth/password", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, password }),
    });
    if (answer.ok) {
      form.remove();
      said.textContent = "That is your password now. You can sign in with it.";
      return;
    }
    const problem = await answer.json();
    const mistakes = (problem.errors ?? []).map((mistake) => mistake.message);
    said.textContent = mistakes.join(" ") || problem.detail || problem.title;
  } catch {
    said.textContent = "The server could not be reached. Please try again.";
  }
});
