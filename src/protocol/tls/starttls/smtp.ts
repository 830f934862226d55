// SMTP: STARTTLS, answered by 220 (RFC 3207). FTP's AUTH TLS, answered by 234 (RFC 4217), reads alike.

import { LineUpgrade } from './line-upgrade.ts'
import { beginsWith, type UpgradeProtocol } from './upgrade.ts'

export const smtp: UpgradeProtocol = {
  name: 'smtp',
  matches: (byServer, first) => (byServer ? beginsWith(first, '220') : 'no'),
  createReader: () =>
    new LineUpgrade({
      asks: (line) => (/^(?:starttls|auth (?:tls|ssl))\s*$/i.test(line) ? line : undefined),
      answers(line) {
        if (/^2[23][04](?: |$)/.test(line)) return 'yes'
        return /^[45]\d\d(?: |$)/.test(line) ? 'no' : undefined
      },
    }),
}
