export function has(command: string, args?: readonly string[]): boolean;
export function architectures(command?: string): string[];
