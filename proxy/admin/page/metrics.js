// What /metrics says, as far as the page needs it.
//
//   counters    Map of "name{labels}" to {name, labels, value}
//   histograms  Map of the name to a Map of "listener → upstream" to the counts of its buckets, each
//               with those before it, in the order of `bounds`

const LINE = /^(?:sluice_)?([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

function labelsOf(text) {
  const labels = {};
  for (const [, name, value] of (text ?? '').matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, c) => (c === 'n' ? '\n' : c));
  }
  return labels;
}

export function parse(text) {
  const counters = new Map();
  const histograms = new Map();
  const bounds = new Map();
  for (const line of text.split('\n')) {
    if (line === '' || line[0] === '#') continue;
    const match = LINE.exec(line);
    if (!match) continue;
    const [, name, labelText, value] = match;
    const labels = labelsOf(labelText);
    if (name.endsWith('_bucket')) {
      addBucket(histograms, bounds, name.slice(0, -'_bucket'.length), labels, Number(value));
    } else if (!name.includes('_seconds')) {
      counters.set(`${name}{${labelText ?? ''}}`, {name, labels, value: Number(value)});
    }
  }
  return {counters, histograms, bounds};
}

function addBucket(histograms, bounds, name, labels, value) {
  const pair = `${labels.listener} → ${labels.upstream}`;
  if (!histograms.has(name)) {
    histograms.set(name, new Map());
    bounds.set(name, []);
  }
  const pairs = histograms.get(name);
  if (!pairs.has(pair)) pairs.set(pair, []);
  const counts = pairs.get(pair);
  const limits = bounds.get(name);
  if (limits.length === counts.length) limits.push(labels.le === '+Inf' ? Infinity : Number(labels.le));
  counts.push(value);
}

// Those of all pairs together.
export function sum(pairs) {
  let total = null;
  for (const counts of pairs?.values() ?? []) {
    total = total ? total.map((value, index) => value + counts[index]) : [...counts];
  }
  return total ?? [];
}

// What has come since `before`, which may be missing, or of a process that has gone.
export function since(now, before) {
  if (!before || before.length !== now.length || before.some((value, index) => value > now[index])) {
    return now;
  }
  return now.map((value, index) => value - before[index]);
}

// Within a bucket all values are taken to be spread evenly, as Prometheus does. Null: there is none.
export function quantile(bounds, counts, share) {
  const total = counts.at(-1) ?? 0;
  if (total === 0) return null;
  const rank = share * total;
  const index = counts.findIndex((value) => value >= rank);
  if (bounds[index] === Infinity) return bounds[index - 1] ?? null;
  const below = index === 0 ? 0 : counts[index - 1];
  const begin = index === 0 ? 0 : bounds[index - 1];
  return begin + (bounds[index] - begin) * ((rank - below) / (counts[index] - below || 1));
}
