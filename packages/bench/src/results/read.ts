import { readFile, stat } from 'node:fs/promises';
import { FusorError } from '@fusor/errors';
import * as v from 'valibot';
import { type Results, type ResultsKind, schemas } from './schema.ts';
import { resultsVersion } from './types.ts';

/** A file is not results of `fusor-bench` that this version can read. The message names the file and the field. */
export class ResultsError extends FusorError {
  /** Path of the field, `networks.0.batch`; `''` for the file as a whole. */
  readonly field: string;

  constructor(source: string, field: string, complaint: string, options?: ErrorOptions) {
    super(`${source}: ${field === '' ? '' : `${field}: `}${complaint}`, 'ERR_FUSOR_RESULTS', options);
    this.field = field;
  }
}

/** Far more than any run writes. */
const largestFile = 64 * 2 ** 20;

/**
 * Checks what came out of a JSON file.
 * @param source what messages call it: the name of the file
 * @throws ResultsError naming the first field that is wrong
 */
export function checkResults(source: string, value: unknown): Results {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (record.format !== 'fusor-bench') {
    throw new ResultsError(source, 'format', "expected 'fusor-bench': not a results file of fusor-bench");
  }
  if (record.version !== resultsVersion) {
    const hint =
      typeof record.version === 'number' && record.version > resultsVersion
        ? 'it was written by a newer fusor-bench'
        : 'measure again with this fusor-bench';
    throw new ResultsError(
      source,
      'version',
      `expected ${resultsVersion}, got ${show(record.version)}; ${hint}`,
    );
  }
  const { kind } = record;
  if (typeof kind !== 'string' || !Object.hasOwn(schemas, kind)) {
    const kinds = Object.keys(schemas).join(', ');
    throw new ResultsError(source, 'kind', `expected one of ${kinds}, got ${show(kind)}`);
  }
  const schema: v.GenericSchema<unknown, Results> = schemas[kind as ResultsKind];
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ResultsError(source, v.getDotPath(issue) ?? '', complaintOf(issue));
}

function complaintOf(issue: v.BaseIssue<unknown>): string {
  return issue.expected === null ? issue.message : `expected ${issue.expected}, got ${issue.received}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * Reads a results file.
 * @throws ResultsError if it cannot be read, is not JSON, or is not results
 */
export async function readResults(path: string): Promise<Results> {
  let text: string;
  try {
    const { size } = await stat(path);
    if (size > largestFile) throw new ResultsError(path, '', `${size} bytes are more than results ever have`);
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof ResultsError) throw error;
    const code = (error as { code?: unknown }).code;
    const reason = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${String(code)})`;
    throw new ResultsError(path, '', reason, { cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ResultsError(path, '', 'not JSON', { cause: error });
  }
  return checkResults(path, value);
}
