/** Live updates: events of `GET /api/stream` make the shown lists and objects load again. */

import type { QueryClient } from "@tanstack/react-query";
import { createParser } from "eventsource-parser";
import { accessToken, dropToken, send } from "./session";
import { createStore } from "./store";

/** First parts of query keys: see queries.ts. */
type Topic = "leads" | "lead" | "tasks" | "messages" | "steps" | "inbox" | "jobs" | "board" | "settings";

const TOPICS: Record<string, Topic[]> = {
  "lead.changed": ["leads", "lead", "board"],
  "task.changed": ["tasks", "lead", "board"],
  "message.changed": ["messages", "lead"],
  "step.changed": ["steps", "lead"],
  "notification.new": ["inbox"],
  "job.changed": ["jobs"],
};
const SILENCE = 40_000; // milliseconds; the server sends a comment every 15 s
const GATHER = 250; // milliseconds; a burst of events loads lists once

export const isLive = createStore(false);

/** Follow the stream until the signal aborts. A hidden page closes its stream: a user has at most five. */
export async function follow(queries: QueryClient, signal: AbortSignal): Promise<void> {
  const invalidate = gathered(queries);
  let last = "";
  while (!signal.aborted) {
    await shown(signal);
    try {
      await read(signal, last, (id, kind, data) => {
        last = id || last;
        if (kind === "ready") isLive.set(true);
        else if (kind === "reset") void queries.invalidateQueries();
        else for (const topic of TOPICS[kind] ?? []) invalidate(topic, data);
      });
    } catch {
      // The connection broke: the pause below, then another try.
    }
    isLive.set(false);
    await pause(2000 + 3000 * Math.random(), signal);
    if (!signal.aborted && !last) void queries.invalidateQueries();
  }
}

type OnEvent = (id: string, kind: string, data: { lead_ids?: string[]; more?: boolean }) => void;

async function read(signal: AbortSignal, last: string, onEvent: OnEvent): Promise<void> {
  const closing = new AbortController();
  const close = () => closing.abort();
  const hide = () => document.hidden && close();
  signal.addEventListener("abort", close);
  document.addEventListener("visibilitychange", hide);
  let watchdog = setTimeout(close, SILENCE);
  try {
    const headers = { Authorization: `Bearer ${await accessToken()}`, ...(last && { "Last-Event-ID": last }) };
    const response = await send(new Request("/api/stream", { headers, signal: closing.signal }));
    if (response.status === 401) dropToken();
    if (!response.ok || !response.body) return;
    const parser = createParser({
      onEvent: ({ id, event, data }) => onEvent(id ?? "", event ?? "", data ? JSON.parse(data) : {}),
    });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(watchdog);
      watchdog = setTimeout(close, SILENCE);
      parser.feed(part.value);
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", close);
    document.removeEventListener("visibilitychange", hide);
  }
}

function gathered(queries: QueryClient): (topic: Topic, data: { lead_ids?: string[]; more?: boolean }) => void {
  const waiting = new Map<Topic, Set<string> | "all">();
  let timer = 0;
  const flush = () => {
    timer = 0;
    for (const [topic, ids] of waiting) {
      void queries.invalidateQueries({
        predicate: ({ queryKey: [first, second] }) =>
          first === topic && (topic !== "lead" || ids === "all" || ids.has(String(second))),
      });
    }
    waiting.clear();
  };
  return (topic, { lead_ids = [], more = false }) => {
    const known = waiting.get(topic) ?? new Set<string>();
    waiting.set(topic, more || known === "all" ? "all" : new Set([...known, ...lead_ids]));
    timer ||= window.setTimeout(flush, GATHER);
  };
}

function shown(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const check = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", check);
      resolve();
    };
    document.addEventListener("visibilitychange", check);
    signal.addEventListener("abort", check);
  });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
