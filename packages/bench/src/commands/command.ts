import type { Command } from 'commander';

/**
 * Adds one command to the program. Its action calls `finish` with the exit status: 0 done, 1 done and something is wrong
 * with what was found, 2 not done.
 */
export type AddCommand = (program: Command, finish: (status: number) => void) => void;
