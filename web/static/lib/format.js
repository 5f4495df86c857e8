// Numbers and times as people read them. Pure: the language and the moment are passed in.

/** 4 → "0:04", 75 → "1:15", 3723 → "1:02:03". @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * Spoken length, to the unit that matters: 4 → "4 sec", 75 → "1 min", 3700 → "1 hr, 1 min".
 * @param {number} seconds
 * @param {string} language
 */
export function spokenDuration(seconds, language) {
  const whole = Math.max(0, Math.round(seconds));
  /** @param {number} value @param {string} unit */
  const one = (value, unit) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }).format(value);
  if (whole < 60) return one(whole, "second");
  if (whole < 3600) return one(Math.floor(whole / 60), "minute");
  const minutes = Math.floor((whole % 3600) / 60);
  const hours = one(Math.floor(whole / 3600), "hour");
  return minutes === 0 ? hours : `${hours} ${one(minutes, "minute")}`;
}

/** @param {number} bytes @param {string} language */
export function size(bytes, language) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(language, {
    style: "unit",
    unit: units[unit],
    unitDisplay: "short",
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/**
 * 0.998 → "99.8 %". Never rounds up to 100 what is not whole.
 * @param {number} share 0…1
 * @param {string} language
 */
export function percent(share, language) {
  const shown = share < 1 ? Math.floor(share * 1000) / 1000 : share;
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 }).format(shown);
}

/**
 * Date and time of an ISO 8601 stamp: the time alone when it is today.
 * @param {string} iso
 * @param {string} language
 * @param {Date} now
 */
export function moment(iso, language, now) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const today = at.toDateString() === now.toDateString();
  return new Intl.DateTimeFormat(language, {
    dateStyle: today ? undefined : "medium",
    timeStyle: today ? "medium" : "short",
  }).format(at);
}

/** The last characters of an id, enough to tell two apart when read aloud. @param {string} id */
export function shortId(id) {
  return id.slice(-6);
}

/** "https://shop.example/cart?x=1" → "shop.example/cart": where somebody is, without what follows. @param {string} url */
export function place(url) {
  try {
    const { host, pathname } = new URL(url);
    return pathname === "/" ? host : host + pathname.replace(/\/$/, "");
  } catch (error) {
    if (error instanceof TypeError) return "";
    throw error;
  }
}
