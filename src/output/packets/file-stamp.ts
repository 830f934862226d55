// The time in the names of saved files.

/** `20261121033100`, in local time as dumpcap has it. */
export function fileStamp(seconds: number): string {
  const date = new Date(seconds * 1000)
  const year = date.getFullYear()
  // a capture's clock may say anything, also a time that no calendar has
  if (!(year >= 0 && year <= 9999)) return '00000000000000'
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  return `${String(year).padStart(4, '0')}${parts.map((part) => String(part).padStart(2, '0')).join('')}`
}
