import { isMissing } from '../rival/model-rival.ts';
import { findOneDnn } from '../rival/onednn.ts';
import { findOnnxRuntime } from '../rival/onnxruntime.ts';
import { findPyTorch } from '../rival/pytorch.ts';
import { findTfjs } from '../rival/tfjs/find.ts';

/** Another engine: that it starts, or why not. */
export interface RivalFacts {
  readonly id: string;
  /** With its version, where it is there. */
  readonly label: string;
  readonly available: boolean;
  /** How it is set up, or why it is missing. */
  readonly note: string;
}

/** Starts every other engine once. */
export function rivalFacts(): Promise<RivalFacts[]> {
  const ofModels = async (find: typeof findTfjs): Promise<RivalFacts> => {
    const found = await find();
    if (isMissing(found)) {
      const { id, label, reason } = found.missing;
      return { id, label, available: false, note: reason };
    }
    await found.close();
    const { id, label, settings = '' } = found.info;
    return { id, label, available: true, note: settings };
  };
  const onnxruntime = async (): Promise<RivalFacts> => {
    const found = await findOnnxRuntime();
    return 'missing' in found
      ? { id: 'onnxruntime', label: 'onnxruntime-node', available: false, note: found.missing }
      : { id: 'onnxruntime', label: found.name, available: true, note: 'in this process' };
  };
  const onednn = async (): Promise<RivalFacts> => {
    const found = await findOneDnn();
    if ('missing' in found) return { id: 'onednn', label: 'oneDNN', available: false, note: found.missing };
    await found.process.close();
    return { id: 'onednn', label: `oneDNN ${found.version}`, available: true, note: 'single convolutions' };
  };
  return Promise.all([onnxruntime(), ofModels(findTfjs), ofModels(findPyTorch), onednn()]);
}
