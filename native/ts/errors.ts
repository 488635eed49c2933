import {
  ArgumentError,
  DeviceError,
  DeviceLostError,
  DisposedError,
  DTypeError,
  type FusorError,
  InternalError,
  OutOfMemoryError,
  QueueFullError,
  ShapeError,
  UnsupportedError,
} from '@fusor/errors';

type FailureClass = new (message: string) => FusorError;

/** By `fusor_status` of `include/fusor/types.h`. */
const classes: readonly (FailureClass | undefined)[] = [
  undefined,
  ArgumentError,
  ShapeError,
  DTypeError,
  DeviceError,
  DeviceLostError,
  OutOfMemoryError,
  UnsupportedError,
  QueueFullError,
  DisposedError,
  InternalError,
];

/** The typed error of an engine status. The only place where statuses become classes. */
export function errorOfStatus(status: number, message: string): FusorError {
  const Failure = classes[status] ?? InternalError;
  return new Failure(message);
}
