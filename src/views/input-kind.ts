// What kind of input a plan reads, where views go about it in different ways.

import { statSync } from 'node:fs'
import type { Plan } from '../plan.ts'

/** Files that have an end. Standard input and named pipes may be as live as an interface. */
export function readsOnlyFiles({ input }: Plan): boolean {
  return input.kind === 'files' && input.paths.every(isRegularFile)
}

function isRegularFile(path: string): boolean {
  return path !== '-' && statSync(path, { throwIfNoEntry: false })?.isFile() !== false
}
