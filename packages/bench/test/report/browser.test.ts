/// <reference lib="dom" />
// The report in a real browser: it draws, asks the network for nothing, fits a telephone and paper, and can be read with
// the keyboard.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { htmlReport, type Source } from '@fusor/bench/report';
import type { ModelsResults, Results } from '@fusor/bench/results';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { kernelsSample, laterRun, modelsSample, rooflineSample, startSample } from './samples.ts';

const executable = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const title =
  executable === undefined ? 'the report in a browser (skipped: no chromium)' : 'the report in a browser';

/** What the browser complained about, and what it asked for. */
interface Watch {
  readonly complaints: string[];
  readonly requests: string[];
}

describe.skipIf(executable === undefined)(title, () => {
  let browser: Browser;
  let folder: string;
  let models: ModelsResults;
  let url: string;
  let page: Page | undefined;

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: executable!,
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    folder = await mkdtemp(join(tmpdir(), 'fusor-report-'));
    models = await modelsSample();
    url = await save('report', [
      models,
      kernelsSample(models),
      rooflineSample(models),
      startSample(models),
      laterRun(models),
    ]);
  });

  afterEach(async () => {
    await page?.close();
    page = undefined;
  });

  afterAll(async () => {
    await browser?.close();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function save(name: string, results: readonly Results[]): Promise<string> {
    const sources = results.map((result, index) => ({ name: `file${index}.json`, results: result }));
    const path = join(folder, `${name}.html`);
    await writeFile(path, await htmlReport(sources as [Source, ...Source[]]));
    return pathToFileURL(path).href;
  }

  async function open(
    address: string,
    options: { readonly width?: number; readonly colorScheme?: 'light' | 'dark' } = {},
  ): Promise<Watch & { readonly page: Page }> {
    const { width = 1200, colorScheme = 'light' } = options;
    page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(address);
    await page.locator('.chart svg').first().waitFor();
    return { page, complaints, requests };
  }

  /** Marks that each chart drew, by the id of its figure. */
  function countMarks(of: Page): Promise<Record<string, number>> {
    return of.$$eval('.chart', (places) =>
      Object.fromEntries(
        places.map((place) => [
          place.getAttribute('data-chart'),
          place.querySelectorAll('.mark [aria-label], .mark[aria-label] > *').length,
        ]),
      ),
    );
  }

  const wanted = {
    'networks-ratio-1': 12,
    'networks-times-1-1': 10,
    'networks-times-1-8': 10,
    'networks-ratio-2': 12,
    'networks-times-2-1': 10,
    'networks-times-2-8': 10,
    'changes-networks': 16,
    'layers-0': 81,
    'layers-1': 81,
    'layers-2': 81,
    'layers-3': 81,
    'threads-1': 20,
    'threads-8': 20,
    'batches-1': 20,
    'batches-2': 20,
    'kernels-0': 7,
    'kernels-1': 2,
    'copy-1': 2,
    'roofline-0': 23,
    'roofline-1': 56,
    'start-2': 10,
  };

  it.each(['light', 'dark'] as const)(
    'draws every chart with every mark, %s, and asks for nothing',
    async (colorScheme) => {
      const { page, complaints, requests } = await open(url, { colorScheme });
      expect(await countMarks(page)).toEqual(wanted);
      expect(complaints).toEqual([]);
      expect(requests).toEqual([url]);
    },
  );

  it('follows the system’s colours, and the switch', async () => {
    const { page } = await open(url, { colorScheme: 'dark' });
    const brightness = () =>
      page.evaluate(() => {
        const parts = getComputedStyle(document.body).backgroundColor.match(/\d+/g)!.map(Number);
        return (parts[0]! + parts[1]! + parts[2]!) / 3;
      });
    const bar = () =>
      page.$eval(
        '[data-chart="networks-times-1-1"] .mark [aria-label]',
        (rect) => getComputedStyle(rect).fill,
      );
    expect(await brightness()).toBeLessThan(40);
    const dark = await bar();
    await page.getByText('Light', { exact: true }).click();
    expect(await brightness()).toBeGreaterThan(240);
    expect(await bar()).not.toBe(dark);
    await page.keyboard.press('ArrowRight');
    expect(await page.getByLabel('Dark').isChecked()).toBe(true);
    expect(await brightness()).toBeLessThan(40);
  });

  it('prints light on A4 with every chart whole, however the screen looks', async () => {
    const { page } = await open(url, { colorScheme: 'dark' });
    await page.evaluate(() => {
      document.documentElement.dataset.theme = 'dark';
    });
    await page.setViewportSize({ width: 680, height: 960 });
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe('light');
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      'rgb(255, 255, 255)',
    );
    expect(await page.locator('.themes').isVisible()).toBe(false);
    const heights = await page.$$eval('.chart svg', (charts) => charts.map((chart) => chart.clientHeight));
    expect(Math.max(...heights)).toBeLessThan(1000); // 265 mm of an A4 sheet
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(680);
    const pdf = await page.pdf({ preferCSSPageSize: true });
    const box = /\/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)/.exec(pdf.toString('latin1'))!;
    expect([Math.round(Number(box[1])), Math.round(Number(box[2]))]).toEqual([595, 842]);
  });

  it.each([320, 360, 768, 1920])('fits %i pixels without scrolling sideways', async (width) => {
    const { page } = await open(url, { width });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    const sticksOut = await page.$$eval('.chart', (places) =>
      places
        .filter((place) => {
          const edge = place.getBoundingClientRect();
          return [...place.querySelectorAll('svg text')].some((text) => {
            const box = text.getBoundingClientRect();
            return box.width > 0 && (box.right > edge.right + 14 || box.left < edge.left - 14);
          });
        })
        .map((place) => place.getAttribute('data-chart')),
    );
    expect(sticksOut).toEqual([]);
  });

  it('draws again for a new width, with the marks it had', async () => {
    const { page } = await open(url, { width: 1200 });
    const widthOf = () =>
      page.$eval('[data-chart="kernels-0"] svg', (svg) => Number(svg.getAttribute('width')));
    const wide = await widthOf();
    await page.setViewportSize({ width: 400, height: 900 });
    await expect.poll(widthOf, { timeout: 30_000 }).toBeLessThan(wide / 2);
    expect(await countMarks(page)).toEqual(wanted);
  });

  it('names a layer when pointed at', async () => {
    const { page, complaints } = await open(url);
    const segment = page.locator('[data-chart="layers-0"] .mark rect').nth(30);
    await segment.scrollIntoViewIfNeeded();
    const label = (await segment.getAttribute('aria-label'))!;
    await segment.hover();
    const tip = page.locator('[data-chart="layers-0"] .tip');
    await expect.poll(() => tip.textContent()).toContain(label.split(',')[0]!.slice(0, 15));
    expect(await tip.textContent()).toContain('GB/s');
    expect(complaints).toEqual([]);
  });

  it.each(['networks-ratio-1', 'networks-times-1-1', 'roofline-0', 'threads-1', 'kernels-0', 'start-2'])(
    'shows and says each value of %s to the keyboard',
    async (id) => {
      const { page } = await open(url);
      await page.locator(`[data-chart="${id}"] svg`).first().focus();
      // A chart of several panels has a tooltip in each.
      const tips = async () => (await page.locator(`[data-chart="${id}"] .tip`).allTextContents()).join('');
      const heard: string[] = [];
      for (let press = 0; press < 5; ++press) {
        await page.keyboard.press('ArrowRight');
        heard.push((await page.locator('#said').textContent())!);
        await expect.poll(tips).not.toBe('');
      }
      expect(new Set(heard).size).toBe(5);
      await page.keyboard.press('Escape');
      await expect.poll(tips).toBe('');
    },
  );

  it('gives every chart a name and a description, and every control one', async () => {
    const { page } = await open(url);
    const charts = await page.$$eval('.chart svg', (list) =>
      list.map((svg) => ({
        label: svg.getAttribute('aria-label') ?? '',
        description: document.getElementById(svg.getAttribute('aria-describedby') ?? '')?.textContent ?? '',
      })),
    );
    expect(charts).toHaveLength(Object.keys(wanted).length);
    for (const { label, description } of charts) {
      expect(label.length).toBeGreaterThan(20);
      expect(description.length).toBeGreaterThan(20);
    }
    expect(await page.getByRole('radio').count()).toBe(3);
    expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    const ids = await page.$$eval('[id]', (list) => list.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is harmless with hostile names', async () => {
    const name = `</script><script>alert(1)</script><img src=http://127.0.0.1:9/x onerror=alert(2)>'"><svg onload=alert(3)> javascript:alert(4)`;
    const hostile: ModelsResults = {
      ...models,
      machine: { ...models.machine, processor: name },
      engines: models.engines.map((engine) => ({ ...engine, label: `${engine.id} ${name}` })),
      networks: models.networks.map((network, index) => ({
        ...network,
        model: `${name} ${index}`,
        layers: network.layers.map((layer) => ({ ...layer, name, algorithm: name })),
      })),
    };
    const address = await save('hostile', [hostile]);
    const { page, complaints, requests } = await open(address, { width: 360 });
    await page.locator('[data-chart="layers-0"] .mark rect').first().hover();
    await expect.poll(() => page.locator('[data-chart="layers-0"] .tip').textContent()).toContain('<script>');
    expect(complaints).toEqual([]);
    expect(requests).toEqual([address]);
    expect(await page.locator('img, iframe, object, embed').count()).toBe(0);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });

  it('runs no script but its own', async () => {
    const { page, complaints } = await open(url);
    const ran = await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "ran"';
      document.body.append(script);
      return document.title;
    });
    expect(ran).not.toBe('ran');
    expect(complaints.join()).toContain('Content Security Policy');
  });

  it('keeps its numbers without scripts', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    page = await context.newPage();
    await page.goto(url);
    expect(await page.locator('table').count()).toBeGreaterThan(20);
    expect(await page.locator('.themes').isVisible()).toBe(false);
    await page.locator('summary').first().click();
    expect(await page.locator('details table').first().isVisible()).toBe(true);
    await context.close();
  });
});
