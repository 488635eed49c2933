// The gate on kernels' resources reads what the compiler writes, and fails where it should.
import { describe, expect, it } from 'vitest';
import { checkResources } from '../scripts/resources/check.mjs';
import { compareResources, countTensorInstructions, parsePtxas } from '../scripts/resources/report.mjs';
import { kernelsWithoutTensorCores, SassReader } from '../scripts/resources/sass.mjs';

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

  it('include the tensor-core instructions of the machine code, where cuobjdump lists it', () => {
    const listing = `
Fatbin elf code:
================
arch = sm_80
	code for sm_80
		Function : _ZN5fusor4cuda5firstIfEEvPT_
        /*0000*/                   MOV R1, c[0x0][0x28] ;                      /* 0x00000a0000017a02 */
        /*0010*/                   HMMA.16816.F32.BF16 R4, R8, R10, R4 ;       /* 0x0000000a0804723c */
        /*0020*/              @!P0 HMMA.1688.F32.TF32 R4, R8, R10, R4 ;        /* 0x0000000a0804723c */
		Function : _ZN5fusor4cuda6secondEPf
        /*0000*/                   FFMA R1, R2, R3, R4 ;                       /* 0x00000a0000017a02 */
	code for sm_90a
		Function : _ZN5fusor4cuda5thirdEPf
        /*0100*/                   HGMMA.64x128x16.F32.BF16 R24, gdesc[UR4], R24 ;`;
    const reader = new SassReader();
    for (const line of listing.split('\n')) reader.add(line);
    expect(
      reader.counts.map(({ architecture, count }: { architecture: string; count: number }) => [
        architecture,
        count,
      ]),
    ).toEqual([
      ['sm_80', 2],
      ['sm_80', 0],
      ['sm_90a', 1],
    ]);
    const row = (architecture: string, tensorInstructions: number) => ({ architecture, tensorInstructions });
    const table = {
      'a.cu: first<float>': row('sm_80', 2),
      'b.cu: third': row('sm_90a', 1),
      'c.cu: second': row('sm_80', 0),
    };
    expect(kernelsWithoutTensorCores(table, reader.counts)).toEqual([]);
    // Built for another card: the table's sm_80 stands for all that are not Hopper's own.
    const elsewhere = reader.counts.map((each) =>
      each.architecture === 'sm_80' ? { ...each, architecture: 'sm_120' } : each,
    );
    expect(kernelsWithoutTensorCores(table, elsewhere)).toEqual([]);
    expect(kernelsWithoutTensorCores({ 'c.cu: second': row('sm_80', 4) }, elsewhere)).toEqual([
      'c.cu: second has 4 in the PTX and none in the code for sm_120',
    ]);
    expect(
      kernelsWithoutTensorCores(
        { 'c.cu: second': row('sm_80', 4), 'd.cu: third': row('sm_80', 1) },
        reader.counts,
      ),
    ).toEqual([
      'c.cu: second has 4 in the PTX and none in the code for sm_80',
      'd.cu: third has 1 in the PTX and none in the code for sm_80',
    ]);
  });

  it('of this build are no worse than committed in cuda/resources.json', (context) => {
    const { skipped, problems, count } = checkResources();
    if (skipped !== undefined) context.skip(skipped);
    expect(problems).toEqual([]);
    expect(count).toBeGreaterThan(100);
  });
});
