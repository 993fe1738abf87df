// The review of bank master diffs by keyboard: move, select, approve, reject. Without it every button still works.
"use strict";

(() => {
  const rows = [...document.querySelectorAll("[data-row]")];
  const form = document.getElementById("selection");
  const help = document.getElementById("review-keys");
  const confirming = document.querySelector("form[data-confirm]");
  const PLACE = `review place ${location.pathname}`;
  const SELECTION = "review selection";
  let current = -1;

  const box = (row) => row.querySelector("input[type=checkbox]");
  const group = (row) => row.closest("[data-group]");
  const groupBox = (of) => of.querySelector("[data-select-group]");
  const selected = () => rows.filter((row) => box(row)?.checked);

  // ---- Moving: one row is in hand ----

  function go(index, scroll = true) {
    if (!rows.length) return;
    if (current >= 0) rows[current].tabIndex = -1;
    current = Math.max(0, Math.min(index, rows.length - 1));
    rows[current].tabIndex = 0;
    rows[current].focus({ preventScroll: true });
    if (scroll) rows[current].scrollIntoView({ block: "nearest" });
  }

  function goGroup(step) {
    const groups = [...new Set(rows.map(group))];
    const next = groups[groups.indexOf(group(rows[current] ?? rows[0])) + step];
    if (next) go(rows.findIndex((row) => group(row) === next));
  }

  // ---- Selecting ----

  function told() {
    const count = selected().length;
    for (const output of document.querySelectorAll("[data-selected]")) output.textContent = String(count);
    for (const of of document.querySelectorAll("[data-group]")) {
      const all = rows.filter((row) => group(row) === of && box(row));
      const chosen = all.filter((row) => box(row).checked).length;
      const head = groupBox(of);
      if (!head) continue;
      head.checked = all.length > 0 && chosen === all.length;
      head.indeterminate = chosen > 0 && chosen < all.length;
    }
  }

  function select(row, on) {
    const mark = row && box(row);
    if (mark) mark.checked = on ?? !mark.checked;
  }

  function selectGroup(of, on) {
    for (const row of rows) if (group(row) === of) select(row, on);
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-select-group]")) selectGroup(group(event.target), event.target.checked);
    told();
  });

  // ---- Deciding ----

  function decide(actions) {
    const button = form?.querySelector(actions.map((action) => `button[value=${action}]`).join());
    if (!button || !rows.length) return;
    if (!selected().length) select(rows[current], true);
    told();
    if (selected().length) form.requestSubmit(button);
  }

  form?.addEventListener("submit", () => {
    const first = rows.findIndex((row) => box(row)?.checked);
    sessionStorage.setItem(PLACE, String(Math.max(first, 0)));
    sessionStorage.setItem(SELECTION, JSON.stringify(selected().map((row) => box(row).value)));
  });
  confirming?.addEventListener("submit", () => sessionStorage.removeItem(SELECTION));

  // ---- Keys ----

  const keys = {
    j: () => go(current + 1),
    k: () => go(current - 1),
    n: () => goGroup(1),
    p: () => goGroup(-1),
    x: () => select(rows[current]),
    g: () => {
      const of = group(rows[current]);
      selectGroup(of, !rows.filter((row) => group(row) === of && box(row)).every((row) => box(row).checked));
    },
    o: () => rows[current]?.querySelector("a[data-open-row]")?.click(),
    a: () => decide(["approve"]),
    r: () => decide(["reject", "revoke"]),
    Escape: () => rows.forEach((row) => select(row, false)),
    "?": () => help?.showModal(),
  };
  const inRow = {
    ArrowDown: keys.j,
    ArrowUp: keys.k,
    " ": keys.x,
    Enter: keys.o,
    Home: () => go(0),
    End: () => go(rows.length - 1),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]")) return;
    if (confirming) {
      if (event.key === "Escape") document.querySelector("[data-back]").click();
      return;
    }
    const at = document.activeElement;
    const onRow = rows.includes(at);
    const typing = at?.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (typing) return;
    const act = (onRow ? inRow[event.key] : undefined) ?? keys[event.key];
    if (!act || (!rows.length && event.key !== "?")) return;
    event.preventDefault();
    act();
    told();
  });

  document.addEventListener("focusin", (event) => {
    const row = event.target.closest?.("[data-row]");
    if (!row || rows.indexOf(row) === current) return;
    if (current >= 0) rows[current].tabIndex = -1;
    current = rows.indexOf(row);
    row.tabIndex = 0;
  });

  // ---- Coming back: the selection if it was not decided, and the row after it in hand ----

  function takeBack(name) {
    const kept = sessionStorage.getItem(name);
    sessionStorage.removeItem(name);
    return kept;
  }

  function start() {
    document.documentElement.dataset.reviewReady = "true";
    if (confirming) {
      confirming.querySelector("input[name=reason], [data-focus]").focus();
      return;
    }
    const marked = new Set(form ? JSON.parse(takeBack(SELECTION) ?? "[]") : []);
    for (const row of rows) if (box(row) && marked.has(box(row).value)) select(row, true);
    told();
    const kept = takeBack(PLACE);
    go(Number(kept ?? 0), kept !== null); // whoever comes anew sees the top of the page
  }
  start();
})();
