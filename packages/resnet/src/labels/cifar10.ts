/** Names of CIFAR-10's ten classes: `cifar10Labels[i]` belongs to logit `i` (Krizhevsky 2009). */
export const cifar10Labels: readonly string[] = Object.freeze([
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
]);
