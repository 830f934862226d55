// The command without a name: captures or reads packets, and prints or writes what was said.

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

/** Without -i and -r: docker0 if there is one, else any. A line says which, because it is a guess. */
export function withDefaultInterface(plan: Plan, remarks: string[]): Plan {
  if (plan.input.kind !== 'live' || plan.input.interfaces.length > 0) return plan
  if (plan.input.containers !== undefined) return plan
  const name = defaultInterface()
  remarks.push(`no -i and no -r: capturing on ${name} (--list shows all interfaces)`)
  return { ...plan, input: { ...plan.input, interfaces: [name] } }
}
