/** Queries that several pages share. The first part of each key is a topic of live.ts. */

import {
  type InfiniteData,
  notifyManager,
  QueryClient,
  type QueryKey,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, ok } from "./client";
import { Offline, Problem } from "./problem";
import type { Me, Permission } from "./types";

const BUSY = new Set([429, 502, 503, 504]);

notifyManager.setScheduler(queueMicrotask); // a click and the change of data that it makes are drawn in one frame

/** Personal data is only in memory: no query is written to the browser's storage. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      networkMode: "always", // an installation may be on this machine; failures are shown
      retry: (count, error) => count < 3 && (error instanceof Offline || (error instanceof Problem && BUSY.has(error.status))),
      retryDelay: (count, error) =>
        error instanceof Problem && error.retryAfter ? Math.min(error.retryAfter, 60) * 1000 : 500 * 2 ** count,
    },
    mutations: { networkMode: "always" },
  },
});

export function useMe(): Me {
  const { data } = useQuery({ queryKey: ["settings", "me"], queryFn: () => ok(api.GET("/api/me")), staleTime: Infinity });
  return data as Me; // the shell shows pages only when it is loaded
}

export const useMay = (permission: Permission): boolean => useMe().permissions.includes(permission);

const settings = { staleTime: 5 * 60_000 };

export function useStages() {
  return useQuery({
    queryKey: ["settings", "stages"],
    queryFn: async () => (await ok(api.GET("/api/pipeline-stages", { params: { query: { limit: 200 } } }))).items,
    ...settings,
  });
}

export function useSources() {
  return useQuery({
    queryKey: ["settings", "sources"],
    queryFn: async () => (await ok(api.GET("/api/lead-sources", { params: { query: { limit: 200 } } }))).items,
    ...settings,
  });
}

export function useUsers() {
  return useQuery({
    queryKey: ["settings", "users"],
    queryFn: async () => (await ok(api.GET("/api/users", { params: { query: { limit: 200, is_active: true } } }))).items,
    ...settings,
  });
}

/** The message templates for leads. Whoever may write to a lead may read them. */
export function useLeadTemplates(enabled = true) {
  return useQuery({
    queryKey: ["settings", "templates", "lead"],
    queryFn: async () => (await ok(api.GET("/api/message-templates", { params: { query: { limit: 200, recipient: "lead" } } }))).items,
    enabled,
  });
}

export function useTaskCancellation() {
  return useQuery({
    queryKey: ["settings", "task-cancellation"],
    queryFn: () => ok(api.GET("/api/settings/task-cancellation")),
    ...settings,
  });
}

interface Page<T> {
  items: T[];
  next_cursor: string | null;
  total_count?: number;
}

/** A list that loads further pages on demand. */
export function usePages<T>(key: QueryKey, load: (cursor: string | undefined) => Promise<Page<T>>, enabled = true) {
  const query = useInfiniteQuery<Page<T>, Error, InfiniteData<Page<T>>, QueryKey, string | undefined>({
    queryKey: key,
    queryFn: ({ pageParam }) => load(pageParam),
    initialPageParam: undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled,
    placeholderData: (previous) => previous,
  });
  return { ...query, items: query.data?.pages.flatMap((page) => page.items) ?? [] };
}

interface Callbacks<Out> {
  onSuccess?: (result: Out) => void;
  onError?: (error: Error) => void;
}

/**
 * A change. When it has ended, everything under these topics loads again. The callbacks are called even if the list
 * that loaded again no longer shows the part that began the change.
 */
export function useAct<In, Out>(act: (given: In) => Promise<Out>, topics: string[]) {
  const client = useQueryClient();
  const mutation = useMutation<Out, Error, In>({
    mutationFn: act,
    onSettled: () => Promise.all(topics.map((topic) => client.invalidateQueries({ queryKey: [topic] }))),
  });
  const mutate = (given: In, { onSuccess, onError }: Callbacks<Out> = {}) => {
    mutation.mutateAsync(given).then(onSuccess, onError ?? (() => undefined)); // `error` has it
  };
  return { ...mutation, mutate };
}

/** One lead with its owner and its source. */
export const useLead = (id: string) =>
  useQuery({ queryKey: ["lead", id, "self"], queryFn: () => ok(api.GET("/api/leads/{lead_id}", { params: { path: { lead_id: id }, query: { expand: "assigned_to,source" } } })) });
