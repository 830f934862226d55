// `tcpflow diagnose`: why connections failed, are slow or were cut.

import { runPipeline } from '../pipeline/pipeline.ts'
import { wantsColor } from './color.ts'
import type { Command } from './command.ts'
import { diagnosePlanFromFlags } from './diagnose-plan.ts'
import { withDefaultInterface } from './dump-command.ts'
import { explainFinding } from './explain-finding.ts'
import { harmless, writeText } from './write-text.ts'

export const diagnoseCommand: Command = async (settings, words, io) => {
  const { explain } = settings.diagnose
  if (explain !== undefined) {
    writeText(io.stdout, explainFinding(explain, wantsColor(settings.color, io.env, io.stdoutIsTerminal)))
    return 0
  }
  const planned = diagnosePlanFromFlags(settings, words, io)
  const remarks = [...planned.remarks]
  const plan = withDefaultInterface(planned.plan, remarks)
  if (!plan.quiet && io.granted === undefined)
    for (const remark of remarks) writeText(io.stderr, harmless(`tcpflow: ${remark}\n`))
  return await runPipeline(plan, io)
}
