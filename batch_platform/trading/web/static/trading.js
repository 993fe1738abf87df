// Keeps a player's own portfolio fresh: asks for new prices while somebody looks, and shows what came of it.
"use strict";

(() => {
  const EVERY = 30_000;
  let asked = 0;

  async function refresh() {
    const part = document.querySelector("[data-refresh]");
    if (!part || document.hidden || Date.now() - asked < EVERY / 2) return;
    asked = Date.now();
    try {
      const headers = { "X-CSRF-Token": part.dataset.csrf };
      const answer = await fetch(part.dataset.refresh, { method: "POST", headers });
      await answer.text();
    } catch {
      return; // the part itself says that the connection is lost
    }
    part.dispatchEvent(new CustomEvent("refreshed"));
  }

  addEventListener("focus", refresh);
  document.addEventListener("visibilitychange", refresh);
  setInterval(refresh, EVERY);
  refresh();
})();
