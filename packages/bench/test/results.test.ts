import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkResults, ResultsError, readResults, verdictOf } from '@fusor/bench/results';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const sample = fileURLToPath(new URL('samples/models.json', import.meta.url));

/** A copy of the sample with `change` made to it. */
async function changed(change: (results: Record<string, unknown>) => void): Promise<unknown> {
  const value = JSON.parse(await readFile(sample, 'utf8')) as Record<string, unknown>;
  change(value);
  return value;
}

describe('readResults', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fusor-results-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('gives back what was written', async () => {
    const results = await readResults(sample);
    expect(results).toEqual(JSON.parse(await readFile(sample, 'utf8')));
  });

  it('drops fields that it does not know', async () => {
    const value = await changed((results) => {
      results.weather = 'fine';
    });
    expect(checkResults('a.json', value)).not.toHaveProperty('weather');
  });

  it.each([
    ['of another program', { format: 'other' }, 'a.json: format: expected'],
    ['of a newer version', { version: 2 }, 'a.json: version: expected 1, got 2; it was written by a newer'],
    ['of an unknown kind', { kind: 'toString' }, 'a.json: kind: expected one of models, kernels'],
    ['with a missing number', { rounds: undefined }, 'a.json: rounds: '],
    ['with text for a number', { rounds: '9' }, 'a.json: rounds: expected number, got "9"'],
    ['with a negative number', { noiseBound: -1 }, 'a.json: noiseBound: expected >=0, got -1'],
    ['with a wrong date', { date: 'today' }, 'a.json: date: '],
    ['with terminal codes', { command: ['\u001b[2J'] }, 'a.json: command.0: '],
    ['with a wrong list', { networks: [{}] }, 'a.json: networks.0.model: '],
  ])('refuses a file %s, naming the field', async (_, fields, message) => {
    const value = await changed((results) => Object.assign(results, fields));
    expect(() => checkResults('a.json', value)).toThrow(ResultsError);
    expect(() => checkResults('a.json', value)).toThrow(message);
  });

  it.each([null, [], 7, 'models'])('refuses %j', (value) => {
    expect(() => checkResults('a.json', value)).toThrow('not a results file of fusor-bench');
  });

  it('names a file that is not there, and one that is not JSON', async () => {
    await expect(readResults(join(folder, 'none.json'))).rejects.toThrow('none.json: there is no such file');
    await writeFile(join(folder, 'bad.json'), '{"format":');
    await expect(readResults(join(folder, 'bad.json'))).rejects.toThrow('bad.json: not JSON');
    await expect(readResults(folder)).rejects.toThrow(ResultsError);
  });
});

describe('verdictOf', () => {
  const at = (median: number) => ({
    rival: 'x',
    ratio: { median, lowerQuartile: median, upperQuartile: median, count: 9 },
  });
  it('calls a kernel slower below 0.97 of the best rival', () => {
    expect(verdictOf(at(0.969))).toBe('slower');
    expect(verdictOf(at(0.971))).toBe('equal');
    expect(verdictOf(at(1.029))).toBe('equal');
    expect(verdictOf(at(1.031))).toBe('faster');
    expect(verdictOf(undefined)).toBe('alone');
  });
});
