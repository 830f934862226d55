// The protocols that can go over to TLS, in the order in which they are asked whether a connection is theirs.

import { imap } from './imap.ts'
import { ldap } from './ldap.ts'
import { mysql } from './mysql.ts'
import { pop3 } from './pop3.ts'
import { postgres } from './postgres.ts'
import { smtp } from './smtp.ts'
import type { UpgradeProtocol } from './upgrade.ts'

export const UPGRADE_PROTOCOLS: readonly UpgradeProtocol[] = [smtp, imap, pop3, postgres, mysql, ldap]
