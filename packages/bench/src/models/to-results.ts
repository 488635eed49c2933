import { isNoisy } from '../results/envelope.ts';
import type { ModelsResults, NetworkResult as NetworkRow } from '../results/models.ts';
import type { Ceiling, EngineInfo, Envelope, Layer, MissingEngine } from '../results/types.ts';
import type { EngineName, ModelsReport, NetworkResult } from './results.ts';

/** What `fusor-bench models` found out, in the form of results files. */
export function toResults(
  report: ModelsReport,
  envelope: Envelope,
  ceilings: readonly Ceiling[],
): ModelsResults {
  const measured = new Set(report.networks.flatMap(({ engines }) => engines.map(({ engine }) => engine)));
  return {
    ...envelope,
    kind: 'models',
    engines: [...measured].map((engine) => describeEngine(engine, report)),
    missing: missingEngines(report),
    ceilings,
    networks: report.networks.map((network) => networkRow(network, report.threads)),
  };
}

function describeEngine(engine: EngineName, report: ModelsReport): EngineInfo {
  if (engine === 'compiled') return { id: engine, label: 'fusor compiled', kind: 'fusor' };
  if (engine === 'eager') return { id: engine, label: 'fusor eager', kind: 'fusor' };
  const label = 'name' in report.rival ? report.rival.name : engine;
  return { id: engine, label, kind: 'rival', settings: 'all optimisations, sequential' };
}

function missingEngines({ rival }: ModelsReport): MissingEngine[] {
  if ('name' in rival) return [];
  return [{ id: 'onnxruntime', label: 'onnxruntime-node', reason: rival.missing }];
}

function networkRow(network: NetworkResult, threads: number): NetworkRow {
  return {
    model: network.model,
    batch: network.batch,
    threads,
    gflop: network.gflop,
    engines: network.engines.map(({ engine, milliseconds, rounds, imagesPerSecond, gflops, peakShare }) => {
      const difference = network.differences[engine];
      return {
        engine,
        milliseconds,
        noisy: isNoisy(milliseconds),
        rounds,
        imagesPerSecond,
        gflops,
        peakShare: peakShare ?? 0,
        ...(difference === undefined ? {} : { difference: Number.isFinite(difference) ? difference : null }),
      };
    }),
    speedups: network.speedup === undefined ? [] : [{ rival: 'onnxruntime', ratio: network.speedup }],
    ...(network.eagerOverCompiled === undefined ? {} : { eagerOverCompiled: network.eagerOverCompiled }),
    layers: network.layers,
  };
}

/** Profiles of one plan, one after another, as the spread of each step. */
export function layersOf(
  profiles: readonly (readonly (Omit<Layer, 'seconds'> & { readonly seconds: number })[])[],
  spreadOf: (samples: readonly number[]) => Layer['seconds'],
): Layer[] {
  return profiles[0]!.map(({ name, op, algorithm, instructionSet, flops, bytes }, index) => ({
    name,
    op,
    algorithm,
    instructionSet,
    flops,
    bytes,
    seconds: spreadOf(profiles.map((steps) => steps[index]!.seconds)),
  }));
}
