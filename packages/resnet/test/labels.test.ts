import { cifar10Labels, imagenetLabels } from '@fusor/resnet';
import { describe, expect, it } from 'vitest';

describe('imagenetLabels', () => {
  it('are 1,000 different names without stray white space', () => {
    expect(imagenetLabels).toHaveLength(1000);
    expect(new Set(imagenetLabels).size).toBe(1000);
    expect(imagenetLabels.filter((label) => label.trim() !== label || /\s\s|\n|,/.test(label))).toEqual([]);
  });

  // From the WordNet ids of ILSVRC 2012, sorted: the ends, the borders of well-known groups, and the names that occur
  // twice in other lists.
  it.each([
    [0, 'tench'],
    [1, 'goldfish'],
    [6, 'stingray'],
    [7, 'cock'],
    [134, 'crane bird'],
    [151, 'Chihuahua'],
    [207, 'golden retriever'],
    [248, 'Eskimo dog'],
    [263, 'Pembroke'],
    [264, 'Cardigan'],
    [268, 'Mexican hairless'],
    [281, 'tabby'],
    [340, 'zebra'],
    [388, 'giant panda'],
    [397, 'puffer'],
    [398, 'abacus'],
    [404, 'airliner'],
    [407, 'ambulance'],
    [474, 'cardigan'],
    [517, 'crane'],
    [607, "jack-o'-lantern"],
    [638, 'maillot'],
    [639, 'maillot tank suit'],
    [744, 'projectile'],
    [779, 'school bus'],
    [836, 'sunglass'],
    [837, 'sunglasses'],
    [914, 'yawl'],
    [949, 'strawberry'],
    [954, 'banana'],
    [963, 'pizza'],
    [980, 'volcano'],
    [986, "yellow lady's slipper"],
    [999, 'toilet tissue'],
  ])('%i is %s', (index, label) => {
    expect(imagenetLabels[index]).toBe(label);
  });

  it('cannot be changed by one user for all others', () => {
    expect(Object.isFrozen(imagenetLabels)).toBe(true);
    expect(Object.isFrozen(cifar10Labels)).toBe(true);
  });
});

describe('cifar10Labels', () => {
  it('are the ten of the data set in their order', () => {
    expect(cifar10Labels.join(' ')).toBe('airplane automobile bird cat deer dog frog horse ship truck');
  });
});
