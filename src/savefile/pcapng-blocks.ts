// Numbers of the pcapng format that reader and writer share (draft-ietf-opsawg-pcapng).

export const SECTION_HEADER_BLOCK = 0x0a0d0d0a
export const INTERFACE_DESCRIPTION_BLOCK = 1
/** Obsolete, superseded by the Enhanced Packet Block. */
export const PACKET_BLOCK = 2
export const SIMPLE_PACKET_BLOCK = 3
export const NAME_RESOLUTION_BLOCK = 4
export const INTERFACE_STATISTICS_BLOCK = 5
export const ENHANCED_PACKET_BLOCK = 6

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d

export const OPTION_END = 0
export const OPTION_COMMENT = 1
export const SECTION_APPLICATION = 4
export const INTERFACE_NAME = 2
export const INTERFACE_DESCRIPTION = 3
export const INTERFACE_TIME_RESOLUTION = 9
export const INTERFACE_TIME_OFFSET = 14
export const STATISTICS_RECEIVED = 4
export const STATISTICS_INTERFACE_DROPPED = 5
export const STATISTICS_SYSTEM_DROPPED = 7

export const NAME_RECORD_END = 0
export const NAME_RECORD_IPV4 = 1
export const NAME_RECORD_IPV6 = 2
