// The charts of Home, drawn from the table that says the same, and again when it is refreshed.
// What is in a chart stands in its key: a column of the table, a shape and a tone.
(() => {
  "use strict";

  const height = 164;
  const two = (n) => String(n).padStart(2, "0");
  const clock = (seconds) => { const at = new Date(seconds * 1000); return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`; };
  const count = (n) => n.toLocaleString("en");
  const duration = (ms) => {
    const [size, unit] = [[86400000, "d"], [3600000, "h"], [60000, "min"], [1000, "s"]].find(([size]) => ms >= size) || [1, "ms"];
    return `${Number((ms / size).toPrecision(2))} ${unit}`;
  };

  // ink is the colour of a tone as the theme has it now, which a canvas cannot find out by itself.
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const ink = (tone) => { probe.style.color = `var(--${tone})`; return getComputedStyle(probe).color; };
  const faded = (tone, share) => { probe.style.color = `color-mix(in srgb, var(--${tone}) ${share}%, transparent)`; return getComputedStyle(probe).color; };

  // alone returns the points that no line goes through, so that they are seen.
  const alone = (u, series) => {
    const data = u.data[series];
    return [...data.keys()].filter((i) => data[i] != null && data[i - 1] == null && data[i + 1] == null);
  };

  const shapes = {
    bars: (tone) => ({ width: 0, fill: () => faded(tone, 60), paths: uPlot.paths.bars({ size: [0.72, 24], align: 1 }), points: { show: false } }),
    area: (tone) => ({ width: 1.75, fill: () => faded(tone, 15), paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }),
    line: (tone) => ({ width: 1.75, points: { show: true, size: 5, filter: alone, fill: () => ink(tone) } }),
    dashes: (tone) => ({ ...shapes.line(tone), dash: [5, 3] }),
  };

  // marks are the durations that an axis names, in milliseconds: each has a round word.
  const [second, minute, hour, day] = [1e3, 6e4, 36e5, 864e5];
  const marks = [1, 10, 100, second, 10 * second, minute, 10 * minute, hour, day, 10 * day, 100 * day];
  const marksAround = (low, high) => {
    const first = marks.findLastIndex((mark) => mark <= low), last = marks.findIndex((mark) => mark > high);
    return marks.slice(Math.max(first, 0), last < 0 ? marks.length : Math.max(last, 1) + 1);
  };

  // Counts begin at 0; durations stand on a scale of about decades, of which as many are named as fit.
  const steps = [1, 2, 5].flatMap((n) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((decade) => n * decade)).sort((a, b) => a - b);
  const scales = {
    count: { tell: count, scale: { range: (u, low, high) => [0, Math.max(1, high) * 1.08] }, axis: { incrs: steps } },
    duration: {
      tell: duration,
      scale: { distr: 3, range: (u, low, high) => { const around = marksAround(low ?? 1, high ?? 999); return [around[0], around.at(-1)]; } },
      axis: {
        splits: (u, axis, low, high) => {
          const shown = marks.filter((mark) => low <= mark && mark <= high);
          const each = Math.ceil(14 * shown.length * devicePixelRatio / u.bbox.height);
          return shown.filter((mark, i) => i % each === 0);
        },
        filter: (u, splits) => splits,
      },
    },
  };

  // read returns the columns of the table, the first of which are times.
  const read = () => {
    const rows = [...document.querySelectorAll("#points tbody tr")];
    return Array.from(rows[0].cells, (_, i) => rows.map((row) => {
      const told = row.cells[i].querySelector("data");
      return told ? Number(told.value) : null;
    }));
  };

  const draw = (figure) => {
    const keys = [...figure.querySelectorAll("[data-column]")];
    const { tell, scale, axis } = scales[figure.dataset.chart];
    const data = () => { const columns = read(); return [columns[0], ...keys.map((key) => columns[key.dataset.column])]; };
    const step = (u) => u.data[0][1] - u.data[0][0];

    // told shows the figures of what is pointed at.
    const told = (u) => {
      const at = u.cursor.idx;
      figure.querySelector("figcaption span").textContent = at == null ? "" : `${clock(u.data[0][at])} UTC`;
      keys.forEach((key, i) => {
        const value = at == null ? null : u.data[i + 1][at];
        key.querySelector("b").textContent = value == null ? "" : tell(value);
      });
    };
    const line = { stroke: () => ink("muted"), font: `11px ${getComputedStyle(document.body).fontFamily}`, grid: { stroke: () => ink("line"), width: 1 }, ticks: { show: false } };
    const place = figure.querySelector("[role=img]");
    const plot = new uPlot({
      width: place.clientWidth, height, padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 }, sync: { key: "home" } },
      scales: { x: { range: (u, from, to) => [from, to + step(u)] }, y: scale },
      axes: [
        { ...line, space: 60, size: 24, gap: 4, values: (u, times) => times.map(clock) },
        { ...line, ...axis, size: 50, gap: 6, values: (u, values) => values.map(tell) },
      ],
      series: [{}, ...keys.map((key) => ({ stroke: () => ink(key.dataset.tone), ...shapes[key.dataset.shape](key.dataset.tone) }))],
      hooks: { setCursor: [told] },
    }, data(), place);
    return {
      refresh: () => plot.setData(data()),
      repaint: () => plot.redraw(false),
      resize: () => plot.setSize({ width: place.clientWidth, height }),
    };
  };

  let charts = [];
  const each = (what) => () => { for (const chart of charts) chart[what](); };
  const resized = new ResizeObserver(each("resize"));
  new MutationObserver(each("repaint")).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", each("repaint"));
  document.addEventListener("htmx:load", ({ target }) => {
    if (target.id === "points") return each("refresh")();
    const figures = [...target.querySelectorAll("[data-chart]")];
    if (!figures.length) return;
    charts = figures.map(draw);
    resized.observe(figures[0].parentElement);
  });
})();
