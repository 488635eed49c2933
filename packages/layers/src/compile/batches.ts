import type { BuiltPlan } from './build.ts';

interface Entry {
  readonly promise: Promise<BuiltPlan>;
  built?: BuiltPlan;
}

/** The plans of a network for the batch sizes that were used last. */
export class PlannedBatches {
  readonly #limit: number;
  readonly #build: (batch: number) => Promise<BuiltPlan>;
  // A Map keeps the order of insertion: the first entry is the one that was not used for longest.
  readonly #entries: Map<number, Entry> = new Map();

  constructor(limit: number, build: (batch: number) => Promise<BuiltPlan>) {
    this.#limit = limit;
    this.#build = build;
  }

  /** The plan for a batch if it is there already: a run then starts before `run` returns. */
  ready(batch: number): BuiltPlan | undefined {
    const entry = this.#entries.get(batch);
    if (entry !== undefined) this.#use(batch, entry);
    return entry?.built;
  }

  /** The plan for a batch, built if it has to be. Calls that ask for one batch at a time share the work. */
  async get(batch: number): Promise<BuiltPlan> {
    let entry = this.#entries.get(batch);
    if (entry === undefined) {
      entry = { promise: this.#build(batch) };
      this.#use(batch, entry);
      this.#forgetOldest();
    }
    try {
      entry.built = await entry.promise;
      return entry.built;
    } catch (error) {
      if (this.#entries.get(batch) === entry) this.#entries.delete(batch);
      throw error;
    }
  }

  /** The plans that are ready, the latest used one last. */
  built(): BuiltPlan[] {
    return [...this.#entries.values()].flatMap((entry) => entry.built ?? []);
  }

  dispose(): void {
    for (const entry of this.#entries.values()) disposeWhenBuilt(entry);
    this.#entries.clear();
  }

  #use(batch: number, entry: Entry): void {
    this.#entries.delete(batch);
    this.#entries.set(batch, entry);
  }

  #forgetOldest(): void {
    for (const [batch, entry] of this.#entries) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(batch);
      disposeWhenBuilt(entry);
    }
  }
}

/** Runs that were queued still finish: the engine holds a plan until they have. */
function disposeWhenBuilt(entry: Entry): void {
  entry.promise.then(
    // Those that wait for the plan come first, for they asked first.
    ({ native }) => setImmediate(() => native.dispose()),
    () => undefined,
  );
}
