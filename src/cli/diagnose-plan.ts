// Settings of `tcpflow diagnose` → plan.

import { UsageError } from '../core/errors.ts'
import { type FindingSeverity, SEVERITIES } from '../core/finding.ts'
import type { DiagnosePlan, KeepAroundPlan } from '../plan.ts'
import { wantsColor } from './color.ts'
import { findingKindsOf } from './finding-ids.ts'
import { type Planned, planFromFlags, type Surroundings } from './plan-from-flags.ts'
import type { Settings } from './settings.ts'

const DEFAULT_SLOW_MILLIS = 1000
const DEFAULT_HUNG_AFTER_MILLIS = 30_000

/** Throws UsageError where flags contradict each other, and for a finding that does not exist. */
export function diagnosePlanFromFlags(
  settings: Settings,
  words: readonly string[],
  surroundings: Surroundings,
): Planned {
  if (settings.savePath === '-')
    throw new UsageError('-w - would mix packets with the report on standard output', 'give -w the name of a file')
  const diagnose = diagnosePlan(settings, surroundings)
  // The rest of the plan sees JSON output: it writes no files, and shows no progress on a terminal that shows the report.
  settings.json = 'none'
  if (diagnose.keepAround !== undefined) {
    // -w and --keep mean the recorder's files
    settings.savePath = undefined
    settings.keep = undefined
  }
  const { plan } = planFromFlags(settings, words, surroundings)
  // Findings say what the notes say, and more.
  return { plan: { ...plan, json: undefined, notes: false, diagnose }, remarks: settings.remarks }
}

function diagnosePlan(settings: Settings, surroundings: Surroundings): DiagnosePlan {
  const { diagnose, color } = settings
  const { ids, notIds, minimumSeverity, everyMillis, exitCode } = diagnose
  for (const id of ids ?? []) findingKindsOf(id, '--id')
  for (const id of notIds) findingKindsOf(id, '--not-id')
  const both = ids?.find((id) => notIds.includes(id))
  if (both !== undefined) throw new UsageError(`--id and --not-id both name ${both}`, 'leave one of them out')
  return {
    format: diagnose.json ? 'json' : 'lines',
    ids,
    notIds,
    minimumSeverity,
    slowMillis: diagnose.slowMillis ?? DEFAULT_SLOW_MILLIS,
    hungAfterMillis: diagnose.hungAfterMillis ?? DEFAULT_HUNG_AFTER_MILLIS,
    everyMillis,
    exitCode,
    keepAround: keepAroundPlan(settings),
    color: wantsColor(color, surroundings.env, surroundings.stdoutIsTerminal),
  }
}

const SEVERITY_WORDS: Readonly<Record<string, FindingSeverity>> = {
  errors: 'error',
  warnings: 'warning',
  notes: 'note',
}
const DEFAULT_KEEP_BYTES = 64 * 1024 * 1024
const DEFAULT_KEEP_FILES = 100

function keepAroundPlan({
  diagnose,
  savePath,
  keep,
  rotateBytes,
  rotateSeconds,
}: Settings): KeepAroundPlan | undefined {
  const { keepAround, keepMemoryBytes } = diagnose
  if (keepAround === undefined) {
    if (keepMemoryBytes !== undefined) throw new UsageError('--keep-memory needs --keep-around')
    return undefined
  }
  if (savePath === undefined)
    throw new UsageError('--keep-around needs -w FILE', 'tcpflow diagnose -w trace.pcapng --keep-around errors')
  if (rotateBytes !== undefined || rotateSeconds !== undefined)
    throw new UsageError(
      '--keep-around makes a file for each finding: it does not go with --rotate-size or --rotate-age',
    )
  const severities = keepAround.flatMap((word) => SEVERITY_WORDS[word] ?? [])
  const ids = keepAround.filter((word) => SEVERITY_WORDS[word] === undefined)
  for (const id of ids) findingKindsOf(id, '--keep-around')
  return {
    path: savePath,
    severity: SEVERITIES.findLast((severity) => severities.includes(severity)),
    ids,
    memoryBytes: keepMemoryBytes ?? DEFAULT_KEEP_BYTES,
    keep: keep ?? DEFAULT_KEEP_FILES,
  }
}
