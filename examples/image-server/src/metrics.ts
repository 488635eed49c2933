import { memory } from '@fusor/native';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What the server counts, for Prometheus. */
export interface Metrics {
  readonly registry: Registry;
  readonly requests: Counter<'status'>;
  readonly duration: Histogram;
  readonly batchSize: Histogram;
  readonly batchDuration: Histogram;
}

/** @param state read when the metrics are */
export function createMetrics(state: { pending: () => number; waiting: () => number }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('classify_pending', 'Requests under way.', state.pending);
  gauge('classify_waiting', 'Images that wait for the network.', state.waiting);
  gauge('fusor_tensor_bytes', 'Bytes of live tensors.', () => memory().bytes);
  gauge('fusor_plan_bytes', 'Bytes of packed weights and arenas.', () => memory().planBytes);
  return {
    registry,
    requests: new Counter({
      name: 'classify_requests_total',
      help: 'Requests by status.',
      labelNames: ['status'],
      registers,
    }),
    duration: new Histogram({
      name: 'classify_duration_seconds',
      help: 'From the headers of a request to its answer; answered ones only.',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    batchSize: new Histogram({
      name: 'classify_batch_size',
      help: 'Images per run of the network.',
      buckets: [1, 2, 4, 8, 16, 32],
      registers,
    }),
    batchDuration: new Histogram({
      name: 'classify_batch_duration_seconds',
      help: 'Time of a run of the network.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
      registers,
    }),
  };
}
