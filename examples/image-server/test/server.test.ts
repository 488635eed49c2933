// The server as its users see it: over HTTP, in a process of its own, and in a browser.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualSeed } from '@fusor/native';
import { models } from '@fusor/resnet';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../src/load/client.ts';
import { type Hostile, makeHostile, makeSamples, matches, type Sample } from '../src/load/images.ts';
import { runLoad } from '../src/load/run.ts';
import { ServerProcess } from '../src/load/server-process.ts';

const model = models.cifarResnet20;
let folder: string;
let weights: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fusor-image-server-'));
  weights = join(folder, 'cifar.safetensors');
  manualSeed(1);
  const network = model.create();
  await network.save(weights);
  network.dispose();
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

describe('requests', () => {
  let server: ServerProcess;
  let client: Client;
  let sample: Sample;
  let hostile: Hostile[];

  beforeAll(async () => {
    server = await ServerProcess.start([
      ...['--weights', weights, '--model', model.name, '--max-bytes', String(2 ** 20)],
    ]);
    client = new Client(server.origin, 4);
    [sample] = (await makeSamples(model, weights, 1)) as [Sample];
    hostile = await makeHostile(sample, 2 ** 20);
  });
  afterAll(async () => {
    await client.close();
    await server.stop();
  });

  it('are answered with the most probable classes', async () => {
    const { status, body } = await client.classify(sample.bytes, sample.type);
    expect(status).toBe(200);
    const { predictions } = body as { predictions: Sample['expected'] };
    expect(predictions).toHaveLength(5);
    expect(matches(predictions, sample.expected)).toBe(true);
  });

  it('that are hostile get an error of their own, and the next one its answer', async () => {
    for (const { name, bytes, type, statuses } of hostile) {
      const { status, body } = await client.classify(bytes, type);
      expect({ name, status: statuses.includes(status) || (status === 0 && statuses.includes(413)) }).toEqual(
        {
          name,
          status: true,
        },
      );
      if (status !== 0) expect(body).toMatchObject({ error: { message: expect.any(String) as string } });
      expect((await client.classify(sample.bytes, sample.type)).status).toBe(200);
    }
  });

  it('for health and metrics say how it is', async () => {
    expect(await client.text('/health/live')).toEqual({ status: 200, text: '{"live":true}' });
    expect(await client.text('/health/ready')).toEqual({ status: 200, text: '{"ready":true}' });
    const { text } = await client.text('/metrics');
    expect(text).toMatch(/classify_requests_total\{status="200"\} \d+/);
    expect(text).toMatch(/classify_batch_size_count \d+/);
    expect(text).toMatch(/fusor_plan_bytes [1-9]\d+/);
    expect((await client.text('/nothing')).status).toBe(404);
  });

  const executable = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
  it.skipIf(executable === undefined)('from the page in a browser show the classes', async () => {
    const picture = join(folder, 'picture.png');
    await writeFile(picture, sample.bytes);
    const browser = await chromium.launch({
      executablePath: executable!,
      args: ['--headless', '--no-sandbox'],
    });
    try {
      const page = await browser.newPage({ viewport: { width: 800, height: 800 } });
      const complaints: string[] = [];
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(server.origin);
      await page.setInputFiles('#file', picture);
      await page.waitForSelector('#result li:nth-child(5)');
      expect(await page.textContent('#result li span')).toBe(sample.expected[0]!.label);
      if (process.env.FUSOR_SCREENSHOTS)
        await page.screenshot({ path: join(process.env.FUSOR_SCREENSHOTS, 'image-server.png') });
      const text = join(folder, 'text.png');
      await writeFile(text, 'no picture');
      await page.setInputFiles('#file', text);
      await page.waitForSelector('.error');
      expect(await page.locator('#result li').count()).toBe(0);
      expect(complaints.filter((text) => !text.includes('422'))).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});

describe('load', () => {
  it('mixes no answers up, refuses what is too much, keeps its memory and ends in order', async () => {
    const result = await runLoad({ model, weights, requests: 1500, seconds: 2 });
    const { capacity, at80, overload, hostile, residentMegabytes } = result;
    console.log(
      `capacity ${capacity.perSecond.toFixed(0)}/s; at 80% p99 ${at80.p99.toFixed(1)} ms; ` +
        `overload: ${overload.right} right, ${overload.refused} refused; ` +
        `resident MB ${residentMegabytes.map((x) => x.toFixed(0)).join(' ')}`,
    );
    for (const stage of [capacity, at80, overload, hostile]) {
      expect({ wrong: stage.wrong, failed: stage.failed }).toEqual({ wrong: 0, failed: 0 });
      expect(stage.right).toBeGreaterThan(0);
    }
    expect(overload.refused).toBeGreaterThan(0);
    expect(hostile.repelled).toBeGreaterThan(hostile.requests / 25);
    expect(hostile.right + hostile.repelled).toBe(hostile.requests);
    expect(residentMegabytes.at(-1)! - residentMegabytes[2]!).toBeLessThan(64);
    expect(result).toMatchObject({ exitStatus: 0, answeredWhileClosing: 16 });
  }, 180_000);
});
