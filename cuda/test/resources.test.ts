// The gate on kernels' resources reads what the compiler writes, and fails where it should.
import { describe, expect, it } from 'vitest';
import { checkResources } from '../scripts/resources/check.mjs';
import { compareResources, countTensorInstructions, parsePtxas } from '../scripts/resources/report.mjs';

const report = `
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z5firstPf' for 'sm_80'
ptxas info    : Function properties for _Z5firstPf
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 16 bytes cumulative stack size, 128 bytes smem, 400 bytes cmem[0]
ptxas info    : Compiling entry function '_Z6secondPf' for 'sm_80'
ptxas info    : Function properties for _Z6secondPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers, 360 bytes cmem[0]
`;
const ptx = `
.visible .entry _Z5firstPf(
{
  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f1, %f2, %f3, %f4}, {%r1, %r2, %r3, %r4}, {%r5, %r6}, {};
  wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {%f1}, %rd1, %rd2, p, 1, 1, 0, 0;
}
.visible .entry _Z6secondPf(
{
  fma.rn.f32 %f1, %f2, %f3, %f4;
}
`;

describe('the resources of kernels', () => {
  it('are read from the report of ptxas', () => {
    const architecture = 'sm_80';
    expect(parsePtxas(report)).toEqual([
      { name: '_Z5firstPf', architecture, registers: 255, spillBytes: 20, stackBytes: 16, sharedBytes: 128 },
      { name: '_Z6secondPf', architecture, registers: 32, spillBytes: 0, stackBytes: 0, sharedBytes: 0 },
    ]);
  });

  it('include the tensor-core instructions of the PTX', () => {
    expect(countTensorInstructions(ptx)).toEqual(
      new Map([
        ['_Z5firstPf', 2],
        ['_Z6secondPf', 0],
      ]),
    );
  });

  it('may not get worse than the committed table', () => {
    const row = { registers: 100, spillBytes: 0, tensorInstructions: 32 };
    expect(compareResources({ k: row }, { k: row })).toEqual({ problems: [], notes: [] });
    expect(compareResources({ k: row }, { k: { ...row, spillBytes: 8 } }).problems).toEqual([
      'k spills 8 bytes, 0 before',
    ]);
    expect(compareResources({ k: row }, { k: { ...row, tensorInstructions: 0 } }).problems).toEqual([
      'k has 0 tensor-core instructions, 32 before',
    ]);
    expect(compareResources({}, { k: row })).toEqual({ problems: [], notes: ['k is not in the table yet'] });
    expect(compareResources({}, { k: { ...row, spillBytes: 8 } }).problems).toEqual([
      'k is new and spills 8 bytes',
    ]);
    expect(compareResources({ k: row }, {}).problems).toEqual([
      'k is in the table and is gone, with 32 tensor-core instructions',
    ]);
    const plain = { ...row, tensorInstructions: 0 };
    expect(compareResources({ k: plain }, {})).toEqual({
      problems: [],
      notes: ['k is in the table and is gone'],
    });
    expect(compareResources({ k: row }, { k: { ...row, registers: 90 } })).toEqual({
      problems: [],
      notes: ['k uses 90 registers, 100 before'],
    });
  });

  it('of this build are no worse than committed in cuda/resources.json', (context) => {
    const { skipped, problems, count } = checkResources();
    if (skipped !== undefined) context.skip(skipped);
    expect(problems).toEqual([]);
    expect(count).toBeGreaterThan(100);
  });
});
