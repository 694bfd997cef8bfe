/** Names of stages and users, by slug and id. */

import { useStages, useUsers } from "../api/queries";
import { words } from "../format";

export function useNames() {
  const stages = useStages().data;
  const users = useUsers().data;
  return {
    stageName: (slug: string) => stages?.find((stage) => stage.slug === slug)?.name ?? words(slug),
    userName: (id: string | null) => users?.find((user) => user.id === id)?.name ?? "–",
  };
}
