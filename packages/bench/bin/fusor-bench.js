#!/usr/bin/env node
// npm links this file when it installs, before anything is built, and makes it executable; tsc's output is neither.
import '../dist/cli.js';
