import type { AddCommand } from './command.ts';
import { addKernels } from './kernels.ts';
import { addModels } from './models.ts';
import { addRoofline } from './roofline.ts';
import { addStart } from './start.ts';

/** The commands that measure, each with a file of its own, in the order in which the help lists them. */
export const measuringCommands: readonly AddCommand[] = [addModels, addKernels, addRoofline, addStart];
