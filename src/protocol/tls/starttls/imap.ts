// IMAP: STARTTLS with a tag, answered by that tag and OK (RFC 9051 §6.2.1).

import { LineUpgrade } from './line-upgrade.ts'
import { beginsWith, type UpgradeProtocol } from './upgrade.ts'

export const imap: UpgradeProtocol = {
  name: 'imap',
  matches: (byServer, first) => (byServer ? beginsWith(first, '* OK') : 'no'),
  createReader: () =>
    new LineUpgrade({
      asks: (line) => /^(\S{1,100}) starttls\s*$/i.exec(line)?.[1],
      answers(line, tag) {
        if (!line.startsWith(`${tag} `)) return undefined
        return /^\S+ OK\b/i.test(line) ? 'yes' : 'no'
      },
    }),
}
