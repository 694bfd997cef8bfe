/** Dates, durations and money in words. All times are in the clinic's time zone; the shell says so. */

let zone: string | undefined;

export function setZone(name: string): void {
  zone = name;
}

/** The clinic's time zone, in which fields take times. */
export const zoneName = (): string => zone ?? "UTC";

/** Making a formatter takes longer than all else that a card of the board needs: each is made once. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = JSON.stringify([zone, options]);
  const known = formatters.get(key) ?? new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
  formatters.set(key, known);
  return known;
}

const SECONDS: Intl.DateTimeFormatOptions = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

/** The value of a datetime-local field, "2026-03-09T14:30", in the clinic's zone. */
export function toField(at: number): string {
  return new Date(at + offset(at)).toISOString().slice(0, 16);
}

/** The instant of such a value. In the hour that a clock change skips, the time after it. */
export function fromField(value: string): string {
  const wall = Date.parse(`${value}Z`);
  const guess = wall - offset(wall);
  return new Date(wall - offset(guess)).toISOString();
}

/** Milliseconds by which the clinic's clocks are ahead of UTC. */
function offset(at: number): number {
  const parts = formatter(SECONDS).formatToParts(new Date(at));
  const of = (type: string) => Number(parts.find((one) => one.type === type)?.value ?? 0);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - Math.floor(at / 1000) * 1000;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** "in 5 min.", "3 hr. ago", "yesterday" */
export function ago(time: string, now = Date.now()): string {
  const seconds = (Date.parse(time) - now) / 1000;
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return "now";
}

/** "14:30", "tomorrow 09:00", "Mon 3 Mar 09:00", "3 Mar 2027" */
export function when(time: string, now = Date.now()): string {
  const date = new Date(time);
  const days = Math.round((day(date) - day(new Date(now))) / 86_400_000);
  const clock = part(date, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (days === 0) return clock;
  if (Math.abs(days) === 1) return `${days > 0 ? "tomorrow" : "yesterday"} ${clock}`;
  if (Math.abs(days) < 7) return `${part(date, { weekday: "short", day: "numeric", month: "short" })} ${clock}`;
  return part(date, { day: "numeric", month: "short", year: Math.abs(days) > 180 ? "numeric" : undefined });
}

/** "23 Nov" of a date without a time, "2026-11-23". */
export const dayOf = (date: string): string => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" }).format(new Date(date));

/** Whether the time is today or earlier, by the clinic's calendar. */
export const isByToday = (time: string, now = Date.now()): boolean => day(new Date(time)) <= day(new Date(now));

export const exact = (time: string): string =>
  part(new Date(time), { dateStyle: "full", timeStyle: "long" } as Intl.DateTimeFormatOptions);

/** "45 s", "12 min", "3 h", "2 d" */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export const money = (amount: string | null): string =>
  amount === null ? "" : Number(amount).toLocaleString("en", { maximumFractionDigits: 0 });

const SPELLED: Record<string, string> = { email: "e-mail", sms: "SMS", whatsapp: "WhatsApp", url: "URL", id: "ID", api: "API" };

/** "no_answer" and "NO_ANSWER" become "No answer", and "email" becomes "E-mail". */
export function words(name: string): string {
  const spaced = name.replace(/[_-]+/g, " ").toLowerCase().replace(/\b[a-z]+\b/g, (word) => SPELLED[word] ?? word);
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** A time zone as a person reads it: "America/New York". */
export const zoneWords = (name: string): string => name.replaceAll("_", " ");

/** All zones that the browser knows, and the present one, which it may know by another name. */
export const zones = (present: string): { value: string; label: string }[] =>
  [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone"), present])].sort().map((value) => ({ value, label: zoneWords(value) }));

const part = (date: Date, options: Intl.DateTimeFormatOptions): string => formatter(options).format(date);

function day(date: Date): number {
  const [d = "1", m = "1", y = "1970"] = part(date, { day: "2-digit", month: "2-digit", year: "numeric" }).split("/");
  return Date.UTC(Number(y), Number(m) - 1, Number(d));
}
