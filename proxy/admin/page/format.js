// Numbers as people read them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const NUMBER = new Intl.NumberFormat('en');

// "0 B", "1.5 KiB", "12 MiB": three digits at most in front of the unit.
export function bytes(value) {
  let unit = 0;
  for (; value >= 999.5 && unit + 1 < UNITS.length; ++unit) value /= 1024;
  return `${value.toFixed(unit === 0 || value >= 99.95 ? 0 : 1)} ${UNITS[unit]}`;
}

export const bytesPerSecond = (value) => `${bytes(value)}/s`;

export const count = (value) => NUMBER.format(value);

// Of what happens in a second: "0", "0.3", "12", "1,204".
export const perSecond = (value) =>
    (value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : count(Math.round(value)));

// "59s", "3m 20s", "2h 5m", "4d 3h".
export function seconds(value) {
  if (value < 60) return `${value}s`;
  if (value < 3600) return `${Math.floor(value / 60)}m ${value % 60}s`;
  if (value < 86400) return `${Math.floor(value / 3600)}h ${Math.floor((value % 3600) / 60)}m`;
  return `${Math.floor(value / 86400)}d ${Math.floor((value % 86400) / 3600)}h`;
}

// "250 µs", "3.2 ms", "1.5 s", "8 min"; null: "–".
export function duration(value) {
  if (value === null) return '–';
  for (const [size, unit] of [[1e-3, 'µs'], [1, 'ms'], [120, 's'], [7200, 'min']]) {
    if (value < size) {
      const shown = value / {'µs': 1e-6, ms: 1e-3, s: 1, min: 60}[unit];
      return `${shown < 9.95 && unit !== 'µs' ? shown.toFixed(1) : Math.round(shown)} ${unit}`;
    }
  }
  return `${(value / 3600).toFixed(1)} h`;
}

export const microseconds = (value) => duration(value / 1e6);

const TIME = new Intl.DateTimeFormat('en', {timeStyle: 'medium', hourCycle: 'h23'});
const SHORT = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const DAY = new Intl.DateTimeFormat('en', {month: 'short', day: 'numeric'});

export const time = (at) => TIME.format(at);
export const minute = (at) => SHORT.format(at);
export const day = (at) => DAY.format(at);
