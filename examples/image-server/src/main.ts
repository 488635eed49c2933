// `node dist/main.js --weights resnet50.pth`: loads, listens, and ends in order on SIGTERM or SIGINT.
import closeWithGrace from 'close-with-grace';
import { createClassifier } from './classifier.ts';
import { parseConfig } from './config.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { createServer } from './server.ts';

const config = parseConfig(process.argv);
let metrics: Metrics | undefined;
const classifier = await createClassifier({
  ...config,
  onBatch(size, seconds) {
    metrics?.batchSize.observe(size);
    metrics?.batchDuration.observe(seconds);
  },
});
const server = await createServer({
  ...config,
  classifier,
  logger: true,
  metrics(state) {
    metrics = createMetrics(state);
    return metrics;
  },
});

// New requests are refused, those under way are answered, then the engine's memory goes.
closeWithGrace({ delay: 2 * config.timeout, logger: server.log }, async ({ err }) => {
  if (err) server.log.error(err);
  await server.close();
  await classifier.close();
});
await server.listen({ host: config.host, port: config.port });
