// The same from CommonJS: require() of an ES module.
const { compile, Linear } = require('@fusor/layers');
const { Tensor, version } = require('@fusor/native');

async function main() {
  const model = new Linear(5, 7).eval();
  const x = Tensor.randn([3, 5]);
  const eager = await model.forward(x).data();
  const plan = await compile(model, { input: [3, 5] });
  const compiled = await (await plan.run(x)).data();
  const difference = Math.max(...eager.map((value, i) => Math.abs(value - compiled[i])));
  if (eager.length !== 21 || !(difference < 1e-5)) throw new Error(`wrong: off by ${difference}`);
  console.log(`fusor ${version} works`);
}
main();
