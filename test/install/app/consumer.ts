// What a TypeScript app sees: the types of tensors, options, modules and plans.
import { Conv2d, compile, Module, type Plan, Sequential } from '@fusor/layers';
import { type DType, FusorError, ops, type Shape, ShapeError, Tensor } from '@fusor/native';
import { readStateDict } from '@fusor/weights';

class Block extends Module {
  conv = new Conv2d(3, 3, 3, { padding: 1 });
  forward(x: Tensor): Tensor {
    return this.conv.forward(x).add(x).relu();
  }
}

export async function use(path: string): Promise<number> {
  const shape: Shape = [1, 3, 8, 8];
  const dtype: DType = 'f32';
  using x = Tensor.zeros(shape, { dtype });
  const plan: Plan = await compile(new Sequential(new Block()).eval(), { input: [1, 3, 8, 8] });
  const output = await plan.run(x);
  const data: Float32Array = await ops.relu(x).data('f32');
  const weights = await readStateDict(path);
  // @ts-expect-error: dtypes are a closed list
  Tensor.zeros([1], { dtype: 'f128' });
  // @ts-expect-error: kernel sizes are numbers
  new Conv2d(3, 3, 'three');
  try {
    x.reshape([5]);
  } catch (error) {
    if (error instanceof ShapeError || error instanceof FusorError) console.error(error.code);
  }
  return data.length + weights.size + (output instanceof Tensor ? 1 : 0);
}
