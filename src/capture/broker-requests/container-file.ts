// A request for the bytes of one file of a container: resolv.conf, a file of TLS keys.

import { type ContainerFileRequest, checkContainerFileRequest, readContainerFile } from '../container-file.ts'
import type { RequestKind } from './kind.ts'

export const openContainerFile = {
  type: 'open-container-file',
  // /proc/PID/root needs the right to trace the process (SYS_PTRACE); files may be readable by the container's users only
  // (DAC_READ_SEARCH).
  capabilities: ['sys_ptrace', 'dac_read_search'],
  check: checkContainerFileRequest,
  read: readContainerFile,
} as const satisfies RequestKind<ContainerFileRequest>
