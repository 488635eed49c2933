/**
 * Every error that Fusor throws on purpose is a `FusorError` with a stable `code`, so that callers can branch on
 * `error.code` or on the class; the message says which argument was wrong, what was expected and what came.
 */
export class FusorError extends Error {
  /** Stable identifier such as `'ERR_FUSOR_SHAPE'`. Messages may change between versions; codes do not. */
  readonly code: string;

  constructor(message: string, code = 'ERR_FUSOR', options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** An argument has the wrong type or is out of its range: `stride: 0`, `eps: NaN`, an unknown option. */
export class ArgumentError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_ARGUMENT', options);
  }
}

/** Sizes do not fit together. */
export class ShapeError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_SHAPE', options);
  }
}

/** An operation does not exist for this element type on this device. */
export class DTypeError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_DTYPE', options);
  }
}

/** A device does not exist, cannot be used, or tensors of different devices were mixed. */
export class DeviceError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_DEVICE', options);
  }
}

/** A device does not have an operation for these arguments. Nothing is ever computed elsewhere instead. */
export class UnsupportedError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_UNSUPPORTED', options);
  }
}

/** A device failed in a way that only a new process mends; everything on it is lost. */
export class DeviceLostError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_DEVICE_LOST', options);
  }
}

/** A tensor, module or plan was used after `dispose()`. */
export class DisposedError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_DISPOSED', options);
  }
}

/** The device has not enough memory for a result. Work that needs less goes on. */
export class OutOfMemoryError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_OUT_OF_MEMORY', options);
  }
}

/** More eager work was queued than a stream may hold; `await synchronize(device)` lets it drain. */
export class QueueFullError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_QUEUE_FULL', options);
  }
}

/** `compile` met something in `forward` that cannot be recorded. */
export class TraceError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_TRACE', options);
  }
}

/** A weights file is damaged, hostile or of an unknown kind, or its tensors do not fit the module. */
export class WeightsError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_WEIGHTS', options);
  }
}

/** A file is not an image that can be decoded. */
export class ImageError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_IMAGE', options);
  }
}

/** Something inside Fusor went wrong; please report it. */
export class InternalError extends FusorError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_FUSOR_INTERNAL', options);
  }
}
