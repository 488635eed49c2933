import { examine } from '../doctor/doctor.ts';
import { doctorMarkdown, formatDoctor } from '../doctor/report.ts';
import { roundedJson } from '../results/json.ts';
import type { AddCommand } from './command.ts';
import { addOutput, type OutputFlags } from './options.ts';
import { checkOutput, writeOutput } from './output.ts';

export const addDoctor: AddCommand = (program, finish) => {
  const command = program
    .command('doctor')
    .description('what this machine is, what Fusor makes of it, and why something is missing');
  addOutput(command)
    .addHelpText(
      'after',
      `
Examples:
  fusor-bench doctor
  fusor-bench doctor --json
  fusor-bench doctor --markdown doctor.md     for a bug report
Works where the native part of Fusor cannot be loaded, and says why.
Exit status: 0 Fusor works here, 1 it does not.`,
    )
    .action(async (flags: OutputFlags) => {
      checkOutput(flags);
      const report = await examine();
      await writeOutput(flags, {
        text: () => formatDoctor(report),
        json: () => roundedJson(report),
        markdown: () => doctorMarkdown(report),
      });
      const works = report.native.loaded && report.native.devices.some(({ available }) => available);
      finish(works ? 0 : 1);
    });
};
