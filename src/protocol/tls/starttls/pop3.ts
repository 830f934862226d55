// POP3: STLS, answered by +OK (RFC 2595 §4).

import { LineUpgrade } from './line-upgrade.ts'
import { beginsWith, type UpgradeProtocol } from './upgrade.ts'

export const pop3: UpgradeProtocol = {
  name: 'pop3',
  matches: (byServer, first) => (byServer ? beginsWith(first, '+OK') : 'no'),
  createReader: () =>
    new LineUpgrade({
      asks: (line) => (/^stls\s*$/i.test(line) ? line : undefined),
      answers(line) {
        if (line.startsWith('+OK')) return 'yes'
        return line.startsWith('-ERR') ? 'no' : undefined
      },
    }),
}
