// Fetches the list anew when the proxy says that there is news. What was opened stays open.
"use strict";
const list = document.getElementById("list"), state = document.getElementById("state");
const say = (text) => { state.textContent = text; };
async function renew() {
  const answer = await fetch("/list" + location.search, { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  const text = await answer.text();
  const open = [...list.querySelectorAll("article:has(details[open])")].map((article) => article.id);
  list.innerHTML = text;
  for (const id of open) document.getElementById(id)?.querySelector("details")?.setAttribute("open", "");
}
const events = new EventSource("/events" + location.search);
events.onopen = () => { say("Live."); renew().catch(() => say("Not reachable.")); };
events.onmessage = () => renew().catch(() => say("Not reachable."));
events.onerror = () => say("The proxy has ended or cannot be reached; what it said so far stays here.");
