/** The version of this package, which the native library must have too. `scripts/version.mjs` keeps it. */
export const expectedVersion: string = '0.1.0';
