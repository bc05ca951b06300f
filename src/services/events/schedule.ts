/** When a rule with a schedule is due: `rate(5 minutes)` or `cron(0 12 ? * MON-FRI *)`, in UTC. */
export interface Schedule {
  /** The first time after `afterMs`; `undefined` when there is none any more. Rates count from `anchorMs`. */
  next(afterMs: number, anchorMs: number): number | undefined;
}

/** What is no schedule: says why. */
export class ScheduleError extends Error {
  override readonly name = "ScheduleError";
}

const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const dayMs = unitMs.day;
const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const lastYear = 2199;

export function parseSchedule(text: string): Schedule {
  const rate = /^rate\((\d{1,9}) (minute|hour|day)(s?)\)$/.exec(text);
  if (rate !== null)
    return rateOf(Number(rate[1]), { unit: rate[2] as keyof typeof unitMs, isPlural: rate[3] === "s" });
  const cron = /^cron\(([^()]*)\)$/.exec(text);
  if (cron === null) throw new ScheduleError("it is neither rate(...) nor cron(...)");
  return cronOf((cron[1] as string).trim().split(/\s+/));
}

function rateOf(count: number, { unit, isPlural }: { unit: keyof typeof unitMs; isPlural: boolean }): Schedule {
  // EventBridge insists on good grammar.
  if (count === 0 || isPlural === (count === 1)) throw new ScheduleError("a rate is such as 1 minute or 5 minutes");
  const intervalMs = count * unitMs[unit];
  return {
    next: (afterMs, anchorMs) =>
      anchorMs + (Math.max(0, Math.floor((afterMs - anchorMs) / intervalMs)) + 1) * intervalMs,
  };
}

function cronOf(fields: readonly string[]): Schedule {
  const [minuteText, hourText, dayText, monthText, weekdayText, yearText, ...more] = fields;
  if (yearText === undefined || more.length > 0) throw new ScheduleError("cron has six fields, the last is the year");
  if ((dayText === "?") === (weekdayText === "?")) {
    throw new ScheduleError("of day of month and day of week exactly one must be ?");
  }
  const minutes = numbersOf(minuteText as string, { low: 0, high: 59 });
  const hours = numbersOf(hourText as string, { low: 0, high: 23 });
  const monthNumbers = new Set(numbersOf(monthText as string, { low: 1, high: 12, names: months, first: 1 }));
  const years = numbersOf(yearText, { low: 1970, high: lastYear });
  const isDay = dayText === "?" ? weekdayTest(weekdayText as string) : dayOfMonthTest(dayText as string);
  const timesMs = hours.flatMap((hour) => minutes.map((minute) => hour * unitMs.hour + minute * unitMs.minute));
  const [firstYear, finalYear] = [years[0] as number, years.at(-1) as number];
  const yearSet = new Set(years);
  return {
    next(afterMs) {
      const earliestMs = Math.max(afterMs, Date.UTC(firstYear, 0, 1) - 1);
      let startMs = Math.floor(earliestMs / dayMs) * dayMs;
      for (;;) {
        const day = new Date(startMs);
        const [year, month] = [day.getUTCFullYear(), day.getUTCMonth()];
        if (year > finalYear) return undefined;
        // Whole years and months at once: a day that never comes is known after some thousand steps.
        if (!yearSet.has(year)) startMs = Date.UTC(year + 1, 0);
        else if (!monthNumbers.has(month + 1)) startMs = Date.UTC(year, month + 1);
        else {
          const timeMs = isDay(day) ? timesMs.find((time) => startMs + time > afterMs) : undefined;
          if (timeMs !== undefined) return startMs + timeMs;
          startMs += dayMs;
        }
      }
    },
  };
}

interface FieldRange {
  low: number;
  high: number;
  names?: readonly string[];
  /** The number of the first name. */
  first?: number;
}

/** `*`, lists, ranges, steps and names, in ascending order. */
function numbersOf(text: string, range: FieldRange): number[] {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part);
    if (match === null) throw new ScheduleError(`"${part}" is not understood`);
    const [, from = "", to, step] = match;
    const low = from === "*" ? range.low : numberOf(from, range);
    const high = to === undefined ? (from === "*" || step !== undefined ? range.high : low) : numberOf(to, range);
    const increment = Number(step ?? 1);
    if (increment === 0 || low > high) throw new ScheduleError(`"${part}" is empty`);
    for (let value = low; value <= high; value += increment) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

function numberOf(text: string, { low, high, names = [], first = 0 }: FieldRange): number {
  const named = names.indexOf(text.toUpperCase());
  const value = named === -1 ? Number(text) : named + first;
  if (/^\d+$/.test(text) === (named !== -1) || !(value >= low && value <= high)) {
    throw new ScheduleError(`"${text}" is not between ${low} and ${high}`);
  }
  return value;
}

/** A number, `L` for the last day, `15W` for the weekday nearest to the 15th of that month. */
function dayOfMonthTest(text: string): (day: Date) => boolean {
  if (text === "L") return (day) => day.getUTCDate() === daysOf(day);
  const nearest = /^(\d{1,2})W$/.exec(text);
  if (nearest !== null) {
    const wanted = numberOf(nearest[1] as string, { low: 1, high: 31 });
    return (day) => wanted <= daysOf(day) && day.getUTCDate() === nearestWeekday(day, wanted);
  }
  const days = new Set(numbersOf(text, { low: 1, high: 31 }));
  return (day) => days.has(day.getUTCDate());
}

function nearestWeekday(day: Date, wanted: number): number {
  const weekday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), wanted)).getUTCDay();
  if (weekday === 6) return wanted === 1 ? 3 : wanted - 1;
  if (weekday === 0) return wanted === daysOf(day) ? wanted - 2 : wanted + 1;
  return wanted;
}

/** 1 is Sunday; `6L` the last Friday, `3#2` the second Tuesday of the month. */
function weekdayTest(text: string): (day: Date) => boolean {
  const range = { low: 1, high: 7, names: weekdays, first: 1 };
  if (text === "L") return (day) => day.getUTCDay() === 6;
  const special = /^(\w+?)(L|#([1-5]))$/.exec(text);
  if (special !== null) {
    const weekday = numberOf(special[1] as string, range) - 1;
    const nth = special[3];
    return (day) => {
      const date = day.getUTCDate();
      const isInWeek = nth === undefined ? date > daysOf(day) - 7 : Math.ceil(date / 7) === Number(nth);
      return day.getUTCDay() === weekday && isInWeek;
    };
  }
  const numbers = new Set(numbersOf(text, range));
  return (day) => numbers.has(day.getUTCDay() + 1);
}

function daysOf(day: Date): number {
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate();
}
