// A worker that holds tensors and a plan until it is terminated.

import { parentPort, workerData } from 'node:worker_threads';
import { Conv2d, compile } from '@fusor/layers';
import { Tensor } from '@fusor/native';

const held: unknown[] = Array.from({ length: workerData as number }, () => Tensor.ones([2]));
held.push(await compile(new Conv2d(3, 8, 3).eval(), { input: [1, 3, 8, 8] }));
parentPort!.on('message', () => held.length); // keeps the worker and what it holds alive
parentPort!.postMessage('holding');
