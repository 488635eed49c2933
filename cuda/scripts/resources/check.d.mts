export const builtResources: string;
export const committedResources: string;
export function checkResources(): {
  readonly skipped?: string;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  readonly count: number;
};
