// Numbers, times and names as the pages show them. apps/common/templatetags/coinai.py says the same in Python.

const NARROW = "\u202f";

/** 1234567 -> "1 234 567" with narrow blanks; numbers of four digits stay together. */
export function group(value) {
  const text = String(Math.round(value));
  return text.length < 5 ? text : text.replace(/\B(?=(\d{3})+$)/g, NARROW);
}

/** Error in parts per million -> "7.43%", three significant digits. */
export function percent(ppm) {
  const value = ppm / 10000;
  const digits = value >= 99.95 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
  return `${value.toFixed(digits)}%`;
}

/** Quality in millibits of an error in parts per million, not rounded down: for drawing only. */
export function quality(ppm) {
  return 1000 * Math.log2(1e6 / Math.max(ppm, 0.5));
}

/** The error in parts per million that has this quality in millibits. */
export function errorOf(millibits) {
  return 1e6 / 2 ** (millibits / 1000);
}

/** Seconds -> "0:42", "12:05", "3:01:30". */
export function clock(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** Seconds -> "12 s", "3 min", "2 h", "4 d". */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 100) return `${whole}${NARROW}s`;
  if (whole < 6000) return `${Math.round(whole / 60)}${NARROW}min`;
  if (whole < 172800) return `${Math.round(whole / 3600)}${NARROW}h`;
  return `${Math.round(whole / 86400)}${NARROW}d`;
}

/** Seconds since an event -> "12 s ago". */
export function ago(seconds) {
  if (seconds < -1) return `in ${duration(-seconds)}`;
  return seconds < 1.5 ? "now" : `${duration(seconds)} ago`;
}

/** A long identifier, shortened in the middle. */
export function short(text, head = 8, tail = 6) {
  return text.length <= head + tail + 2 ? text : `${text.slice(0, head)}…${text.slice(-tail)}`;
}

/** 26084928 -> "26.1 M". */
export function si(value) {
  if (value < 10000) return group(value);
  if (value < 999500) return `${Number((value / 1e3).toPrecision(3))}${NARROW}k`;
  if (value < 999500000) return `${Number((value / 1e6).toPrecision(3))}${NARROW}M`;
  return `${Number((value / 1e9).toPrecision(3))}${NARROW}G`;
}
