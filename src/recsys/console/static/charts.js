// Draws what stands in data-chart as lines over time, with uPlot. Beside each chart the page says the same in a table.
//
// {"label": what it shows, "x": [seconds since 1970], "series": [{"label", "values": [number or null], "dash"}],
//  "unit": "share" | "count" | "seconds" | "p", "log": true, "min", "max", "lines": [{"label", "value"}], "days": true}
(function () {
  "use strict";
  const HEIGHT = 220;
  const HALF_A_LABEL = 40; // pixels, of one with a day and an hour
  const SMALLEST = 1e-12; // of a p-value: a logarithmic axis has no zero
  const drawn = new Map();

  const FORMS = {
    share: function (v) { return (100 * v).toFixed(Math.abs(v) < 0.1 && v !== 0 ? 1 : 0) + "%"; },
    count: function (v) { return v.toLocaleString("en"); },
    seconds: function (v) { return v >= 120 ? (v / 60).toFixed(v < 600 ? 1 : 0) + " min" : v + " s"; },
    p: function (v) { return v <= SMALLEST ? "≤ 1e-12" : v >= 0.01 ? String(Number(v.toPrecision(2))) : v.toExponential(0); },
  };

  // A colour as the page has it now: names resolve differently in light and dark.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = "var(--" + name + ")";
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }

  function options(chart, width) {
    const form = FORMS[chart.unit] || FORMS.count;
    const muted = colour("muted");
    const axis = { stroke: muted, grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 } };
    const told = function (_, v) { return v == null ? "–" : form(v); };
    const lines = (chart.lines || []).map(function (line) {
      return { label: line.label, stroke: muted, width: 1, dash: [6, 4], points: { show: false }, value: told };
    });
    const series = chart.series.map(function (one, at) {
      const stroke = colour("series-" + (at % 6 + 1));
      return { label: one.label, stroke: stroke, width: 2, value: told, points: { show: chart.x.length < 60, size: 6, fill: stroke }, spanGaps: false };
    });
    const low = chart.min, high = chart.max;
    return {
      width: width,
      height: HEIGHT,
      padding: [null, HALF_A_LABEL, null, null], // the last label stands in the middle of its tick
      tzDate: function (seconds) { return uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"); },
      cursor: { drag: { x: false, y: false } },
      legend: { live: true },
      scales: {
        x: { time: true },
        y: chart.log ? { distr: 3, range: function (_, min) { return [Math.min(min, 1e-4), 1]; } }
          : { range: function (_, min, max) { return [low ?? Math.min(0, min), high ?? (max > 0 ? max * 1.08 : 1)]; } },
      },
      axes: [
        Object.assign({}, axis, { space: 70, values: days(chart) }),
        Object.assign({}, axis, chart.log ? { splits: decades, filter: function (_, at) { return at; } } : {}, { size: 62, values: function (_, at) { return at.map(function (v) { return v == null ? "" : form(v); }); } }),
      ],
      series: [{ label: "When (UTC)", value: chart.days ? "{YYYY}-{MM}-{DD}" : "{YYYY}-{MM}-{DD} {HH}:{mm}" }].concat(series, lines),
    };
  }

  // Of a logarithmic axis: powers of ten, no more than there is room for.
  function decades(_, __, min) {
    const last = Math.floor(Math.log10(min));
    const step = Math.ceil(-last / 5);
    const found = [];
    for (let power = 0; power >= last; power -= step) found.push(Math.pow(10, power));
    return found.reverse();
  }

  function days(chart) {
    const span = chart.x.length ? chart.x[chart.x.length - 1] - chart.x[0] : 0;
    const form = uPlot.fmtDate(chart.days || span > 3 * 86400 ? "{MM}-{DD}" : "{MM}-{DD} {HH}:{mm}");
    return function (u, at) {
      let before = "";
      return at.map(function (v) {
        const text = form(uPlot.tzDate(new Date(v * 1e3), "Etc/UTC"));
        const again = text === before;
        before = text;
        return again ? "" : text;
      });
    };
  }

  function data(chart) {
    const seen = chart.series.map(function (one) {
      return chart.log ? one.values.map(function (v) { return v == null ? null : Math.max(v, SMALLEST); }) : one.values;
    });
    const lines = (chart.lines || []).map(function (line) { return chart.x.map(function () { return line.value; }); });
    return [chart.x].concat(seen, lines);
  }

  function draw(box) {
    const before = drawn.get(box);
    if (before) before.destroy();
    const chart = JSON.parse(box.dataset.chart);
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", chart.label);
    const plot = new uPlot(options(chart, box.clientWidth), data(chart), box);
    drawn.set(box, plot);
    newest(plot, box);
    plot.over.addEventListener("mouseleave", function () { newest(plot, box); });
    if (!before) resized.observe(box);
  }

  // While nobody points at a chart its legend says the newest values.
  function newest(plot, box) {
    setTimeout(function () { if (drawn.get(box) === plot) plot.setLegend({ idx: plot.data[0].length - 1 }); }, 0);
  }

  const resized = new ResizeObserver(function (entries) {
    entries.forEach(function (entry) {
      const plot = drawn.get(entry.target);
      const width = Math.floor(entry.contentRect.width);
      if (plot && width > 0 && plot.width !== width) {
        plot.setSize({ width: width, height: HEIGHT });
        newest(plot, entry.target);
      }
    });
  });

  function drawAll(root) {
    drawn.forEach(function (plot, box) {
      if (!box.isConnected) { plot.destroy(); resized.unobserve(box); drawn.delete(box); }
    });
    root.querySelectorAll("[data-chart]").forEach(function (box) { if (!drawn.has(box)) draw(box); });
  }

  function again() { Array.from(drawn.keys()).forEach(draw); }

  document.addEventListener("DOMContentLoaded", function () { drawAll(document); });
  document.addEventListener("htmx:load", function () { drawAll(document); });
  document.addEventListener("recsys:theme", again);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
})();
