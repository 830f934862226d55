// `tcpflow latency` and bin/tcpkit: the latency of every request.

import { runPipeline } from '../pipeline/pipeline.ts'
import type { Command } from './command.ts'
import { withDefaultInterface } from './dump-command.ts'
import { latencyPlanFromFlags } from './latency-plan.ts'
import { harmless, writeText } from './write-text.ts'

export const latencyCommand: Command = async (settings, words, io) => {
  const planned = latencyPlanFromFlags(settings, words, io)
  const remarks = [...planned.remarks]
  const plan = withDefaultInterface(planned.plan, remarks)
  if (!plan.quiet && io.granted === undefined)
    for (const remark of remarks) writeText(io.stderr, harmless(`${plan.latency?.program ?? 'tcpflow'}: ${remark}\n`))
  if (plan.latency?.compare !== undefined) {
    const { compareCaptures } = await import('../pipeline/compare.ts')
    return await compareCaptures(plan, plan.latency, io)
  }
  return await runPipeline(plan, io)
}
