// Checks, before anything is opened for writing, that no output is a file that is read and no two outputs are the same file.

import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from '../core/errors.ts'
import type { Io } from '../core/io.ts'
import { FilesInUse, placeOf } from '../output/writing/files-in-use.ts'
import type { FilesPlan, Plan } from '../plan.ts'

const ELSEWHERE = 'choose another name'

interface Output {
  /** What messages call it: `-w trace.pcapng`. */
  readonly called: string
  readonly file: string | number
  /** It takes the next free name, so an earlier file of its name stays. */
  readonly isNew: boolean
}

/**
 * Names all files that the plan reads, for who opens more outputs later. Throws UsageError where an output is one of them,
 * under whatever name, or the same as another output. To be called while all inputs may still be looked at.
 */
export function checkOutputs(plan: Plan, io: Io): FilesInUse {
  const read = new FilesInUse()
  if (plan.input.kind === 'files') {
    const { paths, finishPaths } = plan.input
    for (const path of [...paths, ...finishPaths]) {
      read.add(path === '-' ? io.stdin : path, path === '-' ? 'standard input' : path)
    }
  }
  for (const path of plan.scripts) read.add(path, path)
  const outputs = outputsOf(plan, io)
  const written = new FilesInUse()
  const places = new Map<string, string>()
  for (const { called, file, isNew } of outputs) {
    const source = isNew ? undefined : read.nameOf(file)
    if (source !== undefined) throw new UsageError(`${called} would overwrite ${source}, which is read`, ELSEWHERE)
    const place = typeof file === 'number' ? undefined : knownPlace(file)
    const other = written.nameOf(file) ?? (place === undefined ? undefined : places.get(place))
    if (other !== undefined) throw new UsageError(`${other} and ${called} are one file`, ELSEWHERE)
    written.add(file, called)
    if (place !== undefined) places.set(place, called)
  }
  return read
}

function outputsOf(plan: Plan, io: Io): Output[] {
  const { save, files } = plan
  const outputs: Output[] = []
  const prints = plan.console ?? plan.json ?? plan.latency ?? plan.diagnose
  if (prints !== undefined || plan.scripts.length > 0 || save?.path === '-') {
    outputs.push({ called: 'standard output', file: io.stdout, isNew: false })
  }
  // rotated files have other names; each is looked at when it is made
  if (save !== undefined && save.path !== '-' && save.rotateBytes === 0 && save.rotateSeconds === 0) {
    outputs.push({ called: `-w ${save.path}`, file: save.path, isNew: false })
  }
  if (files?.reportPath !== undefined) {
    const isNew = isOwnReport(files)
    outputs.push({ called: `${isNew ? 'the report' : '-X'} ${files.reportPath}`, file: files.reportPath, isNew })
  }
  return outputs
}

/** The report beside the flows, which takes the next free name where there is one already. */
function isOwnReport({ outputFolder, reportPath = '' }: FilesPlan): boolean {
  return resolve(reportPath) === resolve(join(outputFolder, 'report.xml'))
}

/** What identifies the file, also where folders are still to be made. undefined: it has no name of its own. */
function knownPlace(path: string): string | undefined {
  try {
    return placeOf(path)
  } catch {
    const folder = dirname(resolve(path))
    const place = folder === resolve(path) ? folder : knownPlace(folder)
    return place === undefined ? undefined : join(place, basename(path))
  }
}
