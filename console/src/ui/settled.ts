import { useEffect, useState } from "react";

/** Letters that a search takes, and milliseconds without a key before it is asked for. */
export const LONGEST_SEARCH = 200;
export const SEARCH_PAUSE = 120;

/** Return the value as it was when it had not changed for this long (milliseconds). */
export function useSettled<T>(value: T, pause: number): T {
  const [settled, settle] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => settle(value), pause);
    return () => clearTimeout(timer);
  }, [value, pause]);
  return settled;
}
