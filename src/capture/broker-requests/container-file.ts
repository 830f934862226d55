// A request for the bytes of one file of a container: resolv.conf, a file of TLS keys.

import { type ContainerFileRequest, checkContainerFileRequest, readContainerFile } from '../container-file.ts'
import type { RequestKind } from './kind.ts'

export const openContainerFile = {
  type: 'open-container-file',
  // The container's root is shown to who may trace its process; its files may be its users' alone.
  capabilities: ['sys_ptrace', 'dac_read_search'],
  check: checkContainerFileRequest,
  read: readContainerFile,
} as const satisfies RequestKind<ContainerFileRequest>
