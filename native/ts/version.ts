import { addon } from './addon/environment.ts';

/** The version of the engine: `'0.1.0'`. */
export const version: string = addon.version();
