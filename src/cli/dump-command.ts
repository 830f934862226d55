// What tcpflow does when no other command is asked for: captures or reads, and prints or writes what was said.

import { defaultInterface } from '../capture/interfaces.ts'
import { runPipeline } from '../pipeline/pipeline.ts'
import type { Plan } from '../plan.ts'
import type { Command } from './command.ts'
import { planFromFlags } from './plan-from-flags.ts'
import { harmless, writeText } from './write-text.ts'

export const dumpCommand: Command = async (settings, words, io) => {
  const planned = planFromFlags(settings, words, io)
  const remarks = [...planned.remarks]
  const plan = withDefaultInterface(planned.plan, remarks)
  if (!plan.quiet && io.granted === undefined)
    for (const remark of remarks) writeText(io.stderr, harmless(`tcpflow: ${remark}\n`))
  return await runPipeline(plan, io)
}

/** Without -i and -r: docker0 where there is one, else any; said, because it is a guess. */
export function withDefaultInterface(plan: Plan, remarks: string[]): Plan {
  if (plan.input.kind !== 'live' || plan.input.interfaces.length > 0) return plan
  if (plan.input.containers !== undefined) return plan
  const name = defaultInterface()
  remarks.push(`no -i and no -r: capturing on ${name} (--list shows what else there is)`)
  return { ...plan, input: { ...plan.input, interfaces: [name] } }
}
