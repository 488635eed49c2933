/** What became of one case. */
export type Outcome =
  | { readonly kind: 'passed'; readonly inFewerBits: boolean }
  | { readonly kind: 'refused'; readonly operator: string; readonly reason: string }
  | { readonly kind: 'failed'; readonly message: string };

interface Row {
  passed: number;
  failed: number;
  readonly refused: Map<string, number>;
}

/** Counts cases by operator: one that passed or failed for each operator in it, one refused for the operator to blame. */
export class Tally {
  readonly #rows = new Map<string, Row>();
  readonly failures: string[] = [];
  passed = 0;
  passedInFewerBits = 0;
  refused = 0;

  add(name: string, operators: ReadonlySet<string>, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'passed':
        this.passed += 1;
        if (outcome.inFewerBits) this.passedInFewerBits += 1;
        for (const operator of operators) this.#row(operator).passed += 1;
        break;
      case 'failed':
        this.failures.push(`${name}: ${outcome.message}`);
        for (const operator of operators) this.#row(operator).failed += 1;
        break;
      case 'refused': {
        this.refused += 1;
        const { refused } = this.#row(outcome.operator);
        refused.set(outcome.reason, (refused.get(outcome.reason) ?? 0) + 1);
        break;
      }
    }
  }

  /** How many cases with this operator passed. */
  passedWith(operator: string): number {
    return this.#rows.get(operator)?.passed ?? 0;
  }

  /** A line per operator that ran, then the refusals by reason. */
  toString(): string {
    const names = [...this.#rows.keys()].toSorted();
    const lines = ['operator                        passed  failed  refused, and why'];
    const never = new Map<string, string[]>();
    for (const name of names) {
      const { passed, failed, refused } = this.#rows.get(name)!;
      const reasons = [...refused].map(([reason, count]) => `${count}: ${reason}`);
      if (passed === 0 && failed === 0 && refused.size === 1) {
        const [reason, count] = [...refused][0]!;
        never.set(reason, [...(never.get(reason) ?? []), `${name} ${count}`]);
        continue;
      }
      lines.push(
        `${name.padEnd(30)}  ${String(passed).padStart(6)}  ${String(failed).padStart(6)}  ${reasons.join('; ')}`.trimEnd(),
      );
    }
    for (const [reason, items] of never) lines.push(`never run, ${reason}: ${items.join(', ')}`);
    lines.push(
      `${this.passed} passed (${this.passedInFewerBits} of them recorded in f64 and run in f32), ` +
        `${this.failures.length} failed, ${this.refused} refused`,
    );
    return lines.join('\n');
  }

  #row(operator: string): Row {
    let row = this.#rows.get(operator);
    if (row === undefined) {
      row = { passed: 0, failed: 0, refused: new Map() };
      this.#rows.set(operator, row);
    }
    return row;
  }
}
