import type { components } from "./schema";

export type Schemas = components["schemas"];
export type Lead = Schemas["LeadOut"];
export type Task = Schemas["QueuedTaskOut"];
export type Me = Schemas["MeOut"];
export type Permission = Me["permissions"][number];
export type Activity = Schemas["ListedActivityOut"];
export type Stage = Schemas["StageOut"];
export type Card = Schemas["CardOut"];
export type Message = Schemas["ListedNotificationOut"];
export type Step = Schemas["LeadStepOut"];
