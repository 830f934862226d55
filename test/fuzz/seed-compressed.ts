// Compressed captures for fuzzing to damage. node:zlib makes gzip; of the others Node (20) makes none, so here is one of
// each, made of the first file of seedSavefiles() by `xz -0`, `bzip2 -1` and `zstd`.

import { gzipSync } from 'node:zlib'
import { seedSavefiles } from './seed-savefiles.ts'

// biome-ignore format: one string in lines of equal length
const XZ =
  '/Td6WFoAAATm1rRGAgAhAQwAAACPmEGc4AbvAWNdACaPEkoQD/wKNTa1TYI0+n4uKS3xcYsxYY6wfEnkBsn1QQwoksHlgaKuPttJxtSCBeWLnr' +
  'FU6lAHo/c0Ldw7hCQ86LBOjKsYXxC2DzLRVOWosCIaMErNLqP82AC/SLvdocHhaEuTT2r07VVDo7/Ktq6Dfhj96QTQYL2eYy3bGQMXyg3fpTP1' +
  'PYBrKvFIlLDNtmfKCYdWiPmarB+Tc7JetbK4ZuKjOJzy9vX47OVu/Pdig27Y7P0n7sj/yZqXJyH3KWisBV3iatQJ5jAi2macycccsTsXxYFhbc' +
  '1hB4KUnPWX5QJDhdvrKs0ZSOQhLXxZWHqQUYMXahspRgzhO+WEI2ONVi12VvH7GzddpimYMVGpM1yOKHWMhVm2elv0Ni8LJdsy1g69fL41HgJK' +
  'AubAciuRB3urz4oz2QMTfi9/619pRYXMq2ai+1lFJVmRuH0X1bzIf+rmpMFKYBh8F1xvGkuxxQAAAAMsjtD1BRq1AAH/AvANAACFqe/TscRn+w' +
  'IAAAAABFla'

// biome-ignore format: one string in lines of equal length
const BZIP2 =
  'QlpoMTFBWSZTWUgS1v8AAfJ////y/ElFQ6E20/7NKnsQBJBELjFU6IEVpkFBikAsAiaKwAG9prNWwkkST1AHqaADagA0ABoAAAA0ANBo000ASS' +
  'iaaNQ9R6gAAAGgAaAAAAbSaADagAHAANBoaDQAaZBoZA00AABkAGQGQAEiooPUAAAaAA0ADQGgNGgyA9QAAAaQCA1J+6F9cgWcUQgM2ogQEA0B' +
  '9XV+BkZROCN9IJh7Y0ffq/RL+IYQIElDCOQhC5P1HuZtOU8XyBkAxNkpWhCICFIhYmpLHChaTYDQNMS5GpT8zVj7p8QUgNhxNF6zPYASxpAElm' +
  'JJZwJhpzIDR6qEuZPv4VqsJTEAxrseE50YmiQMSmTZ0dEdDwI96E5hjacyBJIuEA0B3sEGcyW4zlhEgHYkAz6CQpsnBqsosU3T2kmi5CCvoRzo' +
  'kPMwJkm8f6adtJ+WkYEuBrGClMfAHmXZRoT0lHISUnMCU9Ad9LtHqL9HB/OaHdgiYWo3XN6Jm/G9wo4UH6gNp3nhvJ3q76WjSMKoUidTlNA8nH' +
  'AJqtWFFKZ4l9wBT4E+oChXyqoH8Fy6jABRxUFmKRBSln485pvD9OsqevD7/aBRgQP+gKooOxq0BImsIUkdKYwm0ByGyYv8XckU4UJBIEtb/A=='

// biome-ignore format: one string in lines of equal length
const ZSTD =
  'KLUv/QRYHQ0AZhJBODCxWgME0EQY1JNFHoNIgPBYMQxZmqtL9OGCY4FHRNYcac4vNKarYXMNGQLDqpCihCj8Dlf/ljIFKgAzADYA9FaXL84BBy' +
  'qxu7PW6W2+KF+koYX0H+FbB8j5PxP+ZxM8//LPn2cKCysif68G8iYzCIggEbRKrVR1HF8n1WlsPbyIabcUs/CvUbqc7Lcbqj350tRhi/12RVX+' +
  'PPkBrpB+krM+dgmJ7cO3G6o48Ece4+xdUA0ghyjjXTsVFCi/cq0mp/G3EZlpEWKDkGH8TM9uqY4Cr7C7n/pP4hkMI/27XU4OtgN/dHPi2yXQAX' +
  'UX1IYWUnF56Q9+KWhxhRRABYf2GykcCBNFqEGlZOQUaWFJSgcAA5Mg4hwSYCCCkCgwAiUwTIAFRnDEjjgVYqYHCYaw+gT6l9gH0kYWCeRKYF8Z' +
  '7W/7aoo7Q2KeAhA77XSDKhp2fen0LtAdoPXaYUF3Zz7bTxKFAYwYa+iXMBTVmaQS4WEOA7CySWNIrY5IrAA4zflHfPhVaqFNQrraCF26HEMfaB' +
  'sT/2AkcTOC1rDNJ9TKSAH6KvM4'

/** Each is a capture, or several members or frames that are one together. */
export function seedCompressed(): Buffer[] {
  const capture = seedSavefiles()[0]!
  const others = [XZ, BZIP2, ZSTD].map((text) => Buffer.from(text, 'base64'))
  const members = Buffer.concat([gzipSync(capture.subarray(0, 700)), gzipSync(capture.subarray(700))])
  // a skippable frame of zstd's before the frame
  const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]), others[2]!])
  return [gzipSync(capture), gzipSync(capture, { level: 0 }), members, ...others, skippable]
}
