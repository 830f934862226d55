// -e http and -a: HTTP bodies as files of their own, unpacked.

import { unpackBudget } from './unpack-budget.ts'
import type { View } from './view.ts'

export const httpBodiesView: View = {
  name: 'http-bodies',
  wants: (plan) => plan.files?.httpBodies ?? false,
  async attach({ plan, names, messages }) {
    const filesPlan = plan.files!
    const [{ BodyFiles }, { HttpBodies }, { compileNameTemplate }] = await Promise.all([
      import('../output/files/body-files.ts'),
      import('../transform/http-bodies.ts'),
      import('../output/names/flow-name.ts'),
    ])
    const namer = compileNameTemplate(filesPlan.nameTemplate, names)
    const bodies = new BodyFiles(filesPlan.outputFolder, filesPlan.maximumOpenFiles, (c, d) => namer.name(c, d))
    return {
      streams: [new HttpBodies(bodies, filesPlan.decompressBodies ?? true, unpackBudget(plan, messages))],
      sinks: [bodies],
    }
  },
}
