export interface PackagedPlatform {
  readonly name: string;
  readonly os: string;
  readonly cpu: string;
  readonly libc?: 'glibc' | 'musl';
  readonly title: string;
}
export const nativePlatforms: readonly PackagedPlatform[];
export const cudaPlatforms: readonly PackagedPlatform[];
export function hostName(): string;
