import { htmlReport, markdownReport, type Source } from '@fusor/bench/report';
import type { Results } from '@fusor/bench/results';
import { beforeAll, describe, expect, it } from 'vitest';
import { kernelsSample, laterRun, modelsSample, rooflineSample, startSample } from './samples.ts';

type Sources = [Source, ...Source[]];

function named(...results: [Results, ...Results[]]): Sources {
  return results.map((result, index) => ({ name: `file${index}.json`, results: result })) as Sources;
}

describe('a report', () => {
  let everything: Sources;
  let html: string;

  beforeAll(async () => {
    const models = await modelsSample();
    everything = named(
      models,
      kernelsSample(models),
      rooflineSample(models),
      startSample(models),
      laterRun(models),
    );
    html = await htmlReport(everything);
  });

  it('is one file of less than 1.5 MB that asks for no other', () => {
    expect(html.length).toBeLessThan(1.5e6);
    expect(/<(?:script|img|iframe|link)[^>]*(?:src|href)="(?!data:)/.exec(html)).toBe(null);
    const style = html.slice(html.indexOf('<style>'), html.indexOf('</style>'));
    expect(/@import|url\(/.exec(style)).toBe(null);
  });

  it('says what machine, when, which versions, how, next to what load, and by which command', () => {
    for (const text of [
      'Example processor',
      '2026-11-25 04:51 UTC',
      'onnxruntime-node 1.30.0: all graph optimisations',
      'commit d26c195',
      'fusor-bench models resnet18 resnet50 --batch 1,8 --threads 1,2 --json models.json',
      'others kept 0.04 cores busy on average',
      'further apart than 10% of its median',
      'Engines take turns',
    ]) {
      expect(html.includes(text), text).toBe(true);
    }
  });

  it('marks noisy times in the tables and says how many there are', async () => {
    const models = await modelsSample();
    const noisy = models.networks.flatMap(({ engines }) => engines).filter((engine) => engine.noisy).length;
    expect(noisy).toBeGreaterThan(0);
    const page = await htmlReport(named(models));
    expect(
      page.includes(`${noisy} of 40 times of networks are noisy`),
      `${noisy} of 40 times of networks are noisy`,
    ).toBe(true);
    expect(page.match(/class="right noisy">[^<]* \([^<]*, noisy</g)?.length).toBeGreaterThanOrEqual(noisy);
  });

  it('warns of other work, of wrong logits and of several machines', async () => {
    const models = await modelsSample();
    const busy: Results = {
      ...models,
      load: { ...models.load, during: { samples: 10, meanCores: 1.2, maxCores: 2, meanStolenCores: 0 } },
      machine: { ...models.machine, processor: 'Another processor' },
      networks: models.networks.map((network) => ({
        ...network,
        engines: network.engines.map((engine) =>
          engine.engine === 'onnxruntime' ? { ...engine, difference: 0.5 } : engine,
        ),
      })),
    };
    const page = await htmlReport(named(models, busy));
    expect(
      page.includes('file1.json: the machine had other work'),
      'file1.json: the machine had other work',
    ).toBe(true);
    expect(
      page.includes('do not agree on the logits of resnet18 (batch 1)'),
      'do not agree on the logits of resnet18 (batch 1)',
    ).toBe(true);
    expect(page.includes('different machines'), 'different machines').toBe(true);
  });

  it('puts runs of parts together, and compares rows that two runs have', async () => {
    const models = await modelsSample();
    const part = (threads: number): Results => ({
      ...models,
      networks: models.networks.filter((network) => network.threads === threads),
    });
    const parts = await htmlReport(named(part(1), part(2)));
    expect(parts.includes('id="networks-ratio-1"'), 'id="networks-ratio-1"').toBe(true);
    expect(parts.includes('id="networks-ratio-2"'), 'id="networks-ratio-2"').toBe(true);
    expect(parts.includes('id="threads-1"'), 'id="threads-1"').toBe(true);
    expect(parts.includes('id="changes"'), 'id="changes"').toBe(false);
    const again = await htmlReport(named(models, laterRun(models)));
    expect(again.includes('id="changes"'), 'id="changes"').toBe(true);
    expect(again.includes('class="left good">faster<'), 'class="left good">faster<').toBe(true);
    expect(
      again.includes('class="left noisy">within the noise<'),
      'class="left noisy">within the noise<',
    ).toBe(true);
    expect(again.includes('class="left bad">slower<'), 'class="left bad">slower<').toBe(false);
  });

  it('finds what became slower when the runs come the other way round', async () => {
    const models = await modelsSample();
    const page = await htmlReport(named(laterRun(models), models));
    expect(page.includes('class="left bad">slower<'), 'class="left bad">slower<').toBe(true);
    expect(page.includes('class="left good">faster<'), 'class="left good">faster<').toBe(false);
  });

  it('shows runs of one kind alone', async () => {
    const models = await modelsSample();
    const sections = async (results: Results) =>
      [...(await htmlReport(named(results))).matchAll(/<section id="([^"]+)"/g)].map(([, id]) => id);
    expect(await sections(kernelsSample(models))).toEqual(['kernels', 'measured']);
    expect(await sections(rooflineSample(models))).toEqual(['roofline', 'measured']);
    expect(await sections(startSample(models))).toEqual(['start', 'measured']);
  });

  it('shows runs without rivals, without layers and without rows', async () => {
    const models = await modelsSample();
    const alone: Results = {
      ...models,
      engines: models.engines.slice(0, 1),
      missing: [{ id: 'onnxruntime', label: 'onnxruntime-node', reason: 'not installed <b>here</b>' }],
      networks: models.networks.map((network) => ({
        ...network,
        engines: network.engines.slice(0, 1),
        speedups: [],
        layers: [],
      })),
    };
    const page = await htmlReport(named(alone));
    expect(
      page.includes('onnxruntime-node: not installed &lt;b&gt;here&lt;/b&gt;'),
      'onnxruntime-node: not installed &lt;b&gt;here&lt;/b&gt;',
    ).toBe(true);
    expect(page.includes('id="layers"'), 'id="layers"').toBe(false);
    expect(page.includes('id="networks-ratio-1"'), 'id="networks-ratio-1"').toBe(false);
    expect(await htmlReport(named({ ...models, networks: [] }))).toContain('How it was measured');
  });

  it('lets no name of a file become markup, script or a way out of the data', async () => {
    const models = await modelsSample();
    const name = `</script><script>alert(1)</script><!--"'><img src=x onerror=alert(2)>`;
    const hostile: Results = {
      ...models,
      machine: { ...models.machine, processor: name },
      command: [name],
      networks: models.networks.map((network) => ({
        ...network,
        model: name,
        layers: network.layers.map((layer) => ({ ...layer, name, algorithm: name })),
      })),
    };
    const page = await htmlReport(named(hostile));
    expect(page.includes('<script>alert'), '<script>alert').toBe(false);
    expect(page.includes('<img'), '<img').toBe(false);
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(page.match(/<script/g)?.length).toBe(html.match(/<script/g)?.length);
  });
});

describe('the Markdown of a report', () => {
  it('has the tables of the networks, right-aligned, and not those of every layer', async () => {
    const text = markdownReport(named(await modelsSample()));
    expect(text).toMatch(/^\| Network +\| +Batch \| +against onnxruntime-node 1\.30\.0 \|/m);
    expect(text).toMatch(/^\| -+ \| -+: \|/m);
    expect(text).toContain('#### Time per layer, batch 1, 1 thread');
    expect(text).not.toContain('layer1.0.conv1');
    expect(text).toContain('fusor-bench models resnet18');
  });

  it('has rows as long as their heads', async () => {
    const models = await modelsSample();
    const text = markdownReport(named(models, kernelsSample(models), startSample(models)));
    for (const table of text.split('\n\n').filter((part) => part.startsWith('|'))) {
      const lengths = table
        .trim()
        .split('\n')
        .map((line) => line.length);
      expect(new Set(lengths).size).toBe(1);
    }
  });

  it('escapes what would end a cell or start markup', async () => {
    const models = await modelsSample();
    const hostile: Results = {
      ...models,
      networks: models.networks.map((network) => ({ ...network, model: 'a|b `c` <script> [x](y) _z_' })),
    };
    const text = markdownReport(named(hostile));
    expect(text).toContain('a\\|b \\`c\\` &lt;script&gt; \\[x\\](y) \\_z\\_');
    expect(text).not.toContain('<script>');
  });
});
