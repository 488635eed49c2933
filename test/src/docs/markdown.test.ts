import { expect, it } from 'vitest';
import { codeBlocks } from './markdown.ts';

const document = `# Title

\`\`\`ts
const a = 1;
\`\`\`

Text.

<!-- setup
const b = 2;
-->

\`\`\`ts
console.log(b);
\`\`\`

<!-- compiled only: needs a GPU -->
\`\`\`js
gpu();
\`\`\`

\`\`\`sh
npm test
\`\`\`
`;

it('finds the code blocks of a document, their lines, their setup and what is not run', () => {
  expect(codeBlocks(document, ['ts', 'js'])).toEqual([
    { language: 'ts', line: 4, code: 'const a = 1;\n', setup: '' },
    { language: 'ts', line: 14, code: 'console.log(b);\n', setup: 'const b = 2;\n' },
    { language: 'js', line: 19, code: 'gpu();\n', setup: '', compiledOnly: 'needs a GPU' },
  ]);
  expect(codeBlocks(document, ['sh']).map(({ code }) => code)).toEqual(['npm test\n']);
});
