/**
 * The functions of `fusor.node` as TypeScript sees them. Every one of them checks what it is given and throws the typed
 * errors made by the `makeError` of `initialize`; dtypes, devices, ops and statuses travel as the numbers of the C API.
 */

declare const tensorBrand: unique symbol;
declare const planBrand: unique symbol;
/** A reference to a tensor of the engine. Collecting it releases the reference. */
export interface TensorHandle {
  readonly [tensorBrand]: true;
}
/** A reference to a plan of the engine. */
export interface PlanHandle {
  readonly [planBrand]: true;
}

/** `fusor_attribute_schema` as plain data. */
export interface AttributeSchema {
  readonly name: string;
  /** `fusor_attribute_type`: see `AttributeType` in encoding.ts. */
  readonly type: number;
  /** The length of an array, or the greatest length of a list. */
  readonly count: number;
  readonly list: boolean;
  /** Of an enumeration. */
  readonly names: readonly string[];
}

/** `fusor_op_schema` as plain data. */
export interface OpSchema {
  readonly id: number;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly minInputs: number;
  readonly maxInputs: number;
  readonly outputs: number;
  readonly attributes: readonly AttributeSchema[];
}

/** `fusor_device_info`. */
export interface AddonDevice {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly instructionSet: string;
  readonly reason: string;
  readonly available: boolean;
  readonly computeUnits: number;
  readonly memoryBytes: number;
}

/** One finished job: its id, its `fusor_status`, the message of a failure, the plan if it built one. */
export type Completion = readonly [id: number, status: number, message: string, plan: PlanHandle | null];

export interface Addon {
  /**
   * Once per environment. `complete` is called on the JavaScript thread with the jobs that have finished since its last
   * call. Returns the block of numbers that `run` and `infer` share with JavaScript: see encoding.ts.
   */
  initialize(
    makeError: (status: number, message: string) => Error,
    complete: (completions: readonly Completion[]) => void,
  ): Float64Array;
  version(): string;
  schemas(): OpSchema[];

  devices(): AddonDevice[];
  /** Opens the library of a backend and appends its devices; nothing happens if it is open already. */
  loadBackend(path: string): void;
  memory(
    device: number,
  ): [
    tensors: number,
    bytes: number,
    plans: number,
    planBytes: number,
    reservedBytes: number,
    limitBytes: number,
  ];
  emptyCache(device: number): void;
  limitMemory(device: number, bytes: number): void;
  getThreads(): number;
  setThreads(threads: number): void;
  synchronize(device: number, job: number): void;
  /** Writes GFLOP/s to `result[0]`. */
  measurePeak(device: number, threads: number, result: Float64Array, job: number): void;

  create(device: number, dtype: number, shape: readonly number[], data: NodeJS.TypedArray): TensorHandle;
  /** A second reference to the same tensor. */
  retain(tensor: TensorHandle): TensorHandle;
  /** Releases the reference now; nothing else may be called with it. */
  release(tensor: TensorHandle): void;
  strides(tensor: TensorHandle): number[];
  /** Fills `destination`; one that others can reach is written on the JavaScript thread when the job completes. */
  read(tensor: TensorHandle, destination: NodeJS.TypedArray, reachable: boolean, job: number): void;
  toDevice(tensor: TensorHandle, device: number): TensorHandle;

  /** Marks the handle as one that other addons may look into, and returns it. */
  share(tensor: TensorHandle): TensorHandle;
  /** The tensor in what another addon made (it is empty then), or in a shared handle. */
  adopt(native: object): [tensor: TensorHandle, dtype: number, shape: number[], device: number];

  /** Attributes are read from the block. One handle, or a list for ops with several outputs or none. */
  run(
    op: number,
    inputs: readonly (TensorHandle | null)[],
    device: number,
    label: string | undefined,
  ): TensorHandle | TensorHandle[];
  /** `call` holds the attributes, then the inputs' specs. Gives the number of outputs; their specs are in the block. */
  infer(op: number, call: Float64Array): number;

  /** `graph` holds options, values, nodes, inputs and outputs. */
  buildPlan(
    device: number,
    graph: Float64Array,
    constants: readonly (TensorHandle | null)[],
    names: readonly string[],
    job: number,
    cacheDirectory: string,
  ): void;
  runPlan(plan: PlanHandle, inputs: readonly TensorHandle[], outputs: number, job: number): TensorHandle[];
  /** Writes the median seconds of every step. */
  profilePlan(
    plan: PlanHandle,
    inputs: readonly TensorHandle[],
    repeats: number,
    seconds: Float64Array,
    job: number,
  ): void;
  planSummary(plan: PlanHandle): [steps: number, arenaBytes: number, packedBytes: number];
  planStep(
    plan: PlanHandle,
    step: number,
  ): [name: string, op: string, algorithm: string, instructionSet: string, flops: number, bytes: number];
  releasePlan(plan: PlanHandle): void;
}
