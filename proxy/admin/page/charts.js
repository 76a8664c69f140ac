// Lines over time, drawn by Chart.js, in the colours of the page.

import * as format from './format.js';

const Chart = window.Chart;
const COLOURS = ['--one', '--two', '--three'];
const POINTS = 300;  // that are drawn of a line
const SHORT = 240_000;  // ms: below that the axis of time has seconds

const charts = new Set();
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// A thin line at each event that `marksOf()` gives, as {at, level}.
const marks = (marksOf) => ({
  id: 'marks',
  beforeDatasetsDraw(chart) {
    const {ctx, chartArea: {top, bottom, left, right}, scales: {x}} = chart;
    ctx.save();
    ctx.setLineDash([3, 3]);
    for (const mark of marksOf()) {
      const at = x.getPixelForValue(mark.at);
      if (at < left || at > right) continue;
      ctx.strokeStyle = colour(mark.level === 'info' ? '--quiet' : '--warn');
      ctx.beginPath();
      ctx.moveTo(at, top);
      ctx.lineTo(at, bottom);
      ctx.stroke();
    }
    ctx.restore();
  },
});

// Steps of bytes are round in their units, which are powers of 1024.
function byteTicks(axis) {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(axis.max, 1)) / Math.log(1024)));
  const wanted = axis.max / unit / 4;
  const decade = 10 ** Math.floor(Math.log10(wanted));
  const step = unit * decade * [1, 2, 5, 10].find((factor) => factor * decade >= wanted);
  axis.ticks = Array.from({length: Math.floor(axis.max / step) + 1}, (_, i) => ({value: i * step}));
}

function axes(formatY) {
  const isBytes = formatY === format.bytesPerSecond;
  return {
    x: {
      type: 'linear', bounds: 'data', grid: {display: false, drawBorder: false},
      ticks: {
        maxTicksLimit: 6, maxRotation: 0,
        callback(at) { return (this.max - this.min < SHORT ? format.time : format.minute)(at); },
      },
    },
    y: {
      beginAtZero: true, grid: {drawBorder: false}, afterFit: (axis) => { axis.width = 76; },
      ticks: {maxTicksLimit: 5, callback: (value) => formatY(value)},
      afterBuildTicks: (axis) => isBytes && byteTicks(axis),
    },
  };
}

export function lineChart(canvas, labels, formatY, marksOf) {
  const chart = new Chart(canvas, {
    type: 'line',
    data: {datasets: labels.map((label) => ({label, data: []}))},
    options: {
      animation: false, parsing: false, normalized: true, maintainAspectRatio: false,
      elements: {point: {radius: 0, hitRadius: 6}, line: {borderWidth: 1.6, tension: 0}},
      interaction: {mode: 'index', intersect: false},
      scales: axes(formatY),
      spanGaps: false,
      plugins: {
        legend: {display: false},
        tooltip: {
          animation: false,
          callbacks: {
            title: (items) => format.time(items[0].parsed.x),
            label: (item) => ` ${item.dataset.label}: ${formatY(item.parsed.y)}`,
          },
        },
      },
    },
    plugins: [marks(marksOf)],
  });
  charts.add(chart);
  paint(chart);
  return chart;
}

function paint(chart) {
  chart.data.datasets.forEach((each, index) => {
    each.borderColor = each.backgroundColor = colour(COLOURS[index]);
  });
  for (const axis of Object.values(chart.options.scales)) {
    axis.ticks.color = colour('--quiet');
    axis.grid = {...axis.grid, color: colour('--line')};
  }
  chart.update();
}

export function repaint() {
  charts.forEach(paint);
}

// `lines`: for each dataset its points, {x, y}, the oldest first.
export function show(chart, lines, from, to) {
  chart.data.datasets.forEach((each, index) => { each.data = lines[index]; });
  chart.options.scales.x.min = from;
  chart.options.scales.x.max = to;
  chart.update();
}

// At most POINTS of them, evenly; the last one is always there.
export function thinned(points) {
  const step = Math.ceil(points.length / POINTS);
  return points.filter((_, index) => (points.length - 1 - index) % step === 0);
}
