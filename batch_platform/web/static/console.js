// What the console's pages need beyond HTML and htmx: charts, one submit a form, notes about the connection.
"use strict";

(() => {
  const COLOURS = [
    "#4e79a7", "#f28e2b", "#59a14f", "#b07aa1", "#76b7b2", "#edc948", "#9c755f", "#ff9da7", "#e15759", "#8c8c8c",
  ];
  const ALARM = "#d62728";
  const MARKS = ["circle", "triangle", "rect", "star", "crossRot"];
  const BAND = "rgba(120, 140, 170, 0.25)";
  const dark = matchMedia("(prefers-color-scheme: dark)");

  // ---- Charts: drawn from the JSON block that a canvas names; chart.js is loaded where there is one ----

  let library;

  function loadLibrary() {
    library ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = document.querySelector("meta[name=chart-library]").content;
      script.addEventListener("load", () => resolve(window.Chart));
      script.addEventListener("error", () => reject(new Error("the chart library does not load")));
      document.head.append(script);
    });
    return library;
  }

  // The digits as they were given: a number would round them.
  const grouped = (digits) => digits.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));

  function dataset(series, index, kind) {
    const colour = COLOURS[index % COLOURS.length];
    const common = {
      label: series.name,
      digits: series.values.map((value) => (value === null ? null : String(value))),
      data: series.values.map((value) => (value === null ? null : Number(value))),
      borderColor: colour,
      backgroundColor: colour,
      pointStyle: "rect",
      order: 1,
    };
    const drawn = { type: "line", borderWidth: 2, pointRadius: 0, pointStyle: "line", order: 0 };
    const alone = series.values.filter((value) => value !== null).length === 1;
    const line = { ...common, ...drawn, ...(alone && { pointRadius: 4, pointStyle: "circle" }) };
    const band = { ...line, borderWidth: 0, backgroundColor: BAND, pointStyle: "rect", order: 2 };
    const points = { ...line, borderColor: ALARM, backgroundColor: ALARM, showLine: false };
    switch (series.style) {
      case "band_low":
        return band;
      case "band_high":
        return { ...band, fill: "-1" };
      case "points":
        return { ...points, pointRadius: 5, pointStyle: "rectRot" };
      case "marks":
        return { ...line, showLine: false, pointRadius: 6, pointStyle: MARKS[index % MARKS.length] };
      case "dashed":
        return { ...line, borderDash: [6, 4] };
      case "line":
        return line;
      default:
        return kind === "bars" ? { ...common, type: "bar" } : line;
    }
  }

  // A ring: `x` names its parts, the first series has their sizes.
  function ring(spec) {
    const style = getComputedStyle(document.body);
    const { name, values } = spec.series[0];
    const digits = values.map(String);
    return {
      type: "doughnut",
      data: {
        labels: spec.x,
        datasets: [{ label: name, digits, data: values.map(Number), backgroundColor: COLOURS, borderWidth: 1 }],
      },
      options: {
        animation: false,
        locale: document.documentElement.lang,
        maintainAspectRatio: false,
        font: { family: style.fontFamily },
        cutout: "60%",
        plugins: {
          legend: { position: "bottom", labels: { color: style.color } },
          tooltip: {
            callbacks: {
              label: ({ label, dataIndex }) => `${label}: ${grouped(digits[dataIndex])} ${spec.unit ?? ""}`.trimEnd(),
            },
          },
        },
      },
    };
  }

  function configuration(spec) {
    if (spec.kind === "doughnut") return ring(spec);
    const style = getComputedStyle(document.body);
    const grid = dark.matches ? "rgba(255, 255, 255, 0.12)" : "rgba(0, 0, 0, 0.08)";
    const axis = { stacked: Boolean(spec.stacked), ticks: { color: style.color }, grid: { color: grid } };
    return {
      type: spec.kind === "bars" ? "bar" : "line",
      data: { labels: spec.x, datasets: spec.series.map((series, index) => dataset(series, index, spec.kind)) },
      options: {
        animation: false,
        locale: document.documentElement.lang,
        maintainAspectRatio: false,
        font: { family: style.fontFamily },
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { ...axis, grid: { display: false }, ticks: { ...axis.ticks, maxRotation: 0, autoSkipPadding: 12 } },
          y: { ...axis, stacked: Boolean(spec.stacked), beginAtZero: spec.kind === "bars" },
        },
        plugins: {
          legend: {
            position: "bottom",
            labels: {
              color: style.color,
              usePointStyle: true,
              filter: (item) => spec.series[item.datasetIndex].style !== "band_low",
            },
          },
          tooltip: {
            filter: (item) => item.dataset.digits[item.dataIndex] !== null,
            callbacks: {
              label: ({ dataset: { label, digits }, dataIndex }) =>
                `${label}: ${grouped(digits[dataIndex])} ${spec.unit ?? ""}`.trimEnd(),
            },
          },
        },
      },
    };
  }

  async function drawCharts(root) {
    const canvases = root.querySelectorAll("canvas[data-chart]");
    if (!canvases.length) return;
    const Chart = await loadLibrary();
    for (const canvas of canvases) {
      Chart.getChart(canvas)?.destroy();
      new Chart(canvas, configuration(JSON.parse(document.getElementById(canvas.dataset.chart).textContent)));
    }
  }

  // ---- Forms: one submit each, a spinner meanwhile ----

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "true";
    event.submitter?.setAttribute("aria-busy", "true");
  });

  // The browser may bring back a page as it was left, with its forms sent.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const button of document.querySelectorAll("button[aria-busy]")) button.removeAttribute("aria-busy");
    for (const form of document.forms) countChosen(form);
  });

  // ---- Lists: a box that chooses all rows of the page, and how many are chosen ----

  function countChosen(form) {
    for (const output of form.querySelectorAll("output[data-chosen]")) {
      const boxes = [...form.querySelectorAll(`input[type=checkbox][name="${output.dataset.chosen}"]`)];
      const chosen = boxes.filter((box) => box.checked).length;
      output.textContent = chosen ? `(${chosen})` : "";
      const every = form.querySelector(`input[data-every="${output.dataset.chosen}"]`);
      if (!every) continue;
      every.checked = chosen === boxes.length;
      every.indeterminate = chosen > 0 && chosen < boxes.length;
    }
  }

  document.addEventListener("change", (event) => {
    const { form, checked, dataset } = event.target;
    if (!form?.querySelector("output[data-chosen]")) return;
    if (dataset.every) {
      for (const box of form.querySelectorAll(`input[type=checkbox][name="${dataset.every}"]`)) box.checked = checked;
    }
    countChosen(form);
  });

  // ---- Live fragments: say when they cannot be refreshed, rest while nobody looks ----

  const note = (text) => {
    const element = document.getElementById("connection");
    if (!element) return;
    element.textContent = text ?? "";
    element.hidden = !text;
  };

  function stopPolling() {
    for (const element of document.querySelectorAll(".live[hx-get]")) {
      element.removeAttribute("hx-get");
      element.removeAttribute("hx-trigger");
      window.htmx.process(element, true);
    }
  }

  document.addEventListener("htmx:config:request", (event) => {
    if (document.hidden && event.target.matches?.(".live")) event.preventDefault();
  });
  document.addEventListener("htmx:response:error", (event) => {
    const signedOut = event.detail.ctx.response.status === 401;
    const texts = document.getElementById("connection")?.dataset;
    note(signedOut ? texts?.signedOut : texts?.lost);
    if (signedOut) stopPolling();
  });
  document.addEventListener("htmx:error", () => note(document.getElementById("connection")?.dataset.lost));
  document.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status < 400) note(null);
  });
  document.addEventListener("htmx:after:swap", (event) => drawCharts(event.target));

  // ---- The page ----

  function start() {
    drawCharts(document);
    for (const dialog of document.querySelectorAll("dialog[data-open]")) dialog.showModal();
  }

  dark.addEventListener("change", () => drawCharts(document));
  // Wide windows show the menus in their places.
  matchMedia("(min-width: 800px)").addEventListener("change", () => {
    for (const menu of document.querySelectorAll("[popover]:popover-open")) menu.hidePopover();
  });
  start();
})();
