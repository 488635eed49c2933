import { checkNumber, wrongType } from '../check.ts';
import type { Activation } from '../types.ts';

/** An activation as an attribute: a plain name, or clamp with its bounds. */
export type ActivationAttribute = 'none' | Activation;

const names: readonly string[] = ['relu', 'gelu', 'gelu-tanh', 'silu'];

export function checkActivation(
  operation: string,
  activation: Activation | null | undefined,
): ActivationAttribute {
  if (activation === undefined || activation === null) return 'none';
  if (typeof activation === 'string' && names.includes(activation)) return activation;
  if (typeof activation === 'object' && Array.isArray(activation.clamp) && activation.clamp.length === 2) {
    const [low, high] = activation.clamp;
    return {
      clamp: [
        checkNumber(operation, 'activation.clamp[0]', low),
        checkNumber(operation, 'activation.clamp[1]', high),
      ],
    };
  }
  throw wrongType(
    operation,
    'activation',
    "'relu', 'gelu', 'gelu-tanh', 'silu' or { clamp: [low, high] }",
    activation,
  );
}
