import { dnsSubdomainProblems, isBase64 } from '../../kube/index.ts'

const UUID = (version: string): RegExp =>
  new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${version}[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$`, 'i')
const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`)
const DATE = /^\d{4}-\d{2}-\d{2}$/
const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/i
const DURATION = /^[+-]?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$/
const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i
const EMAIL = /^[^\s@<>()[\],;:\\"]{1,64}@[a-z0-9]([-a-z0-9.]{0,252}[a-z0-9])?$/i

/** Longest text that a format is asked about; nothing that has one of them is longer. */
const MAX_LENGTH = 2048

/**
 * The formats of texts that are checked, of those that upstream checks (kube-openapi `strfmt`). Any other is a description
 * and accepts everything, as upstream has it for formats that it does not know.
 */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  byte: isBase64,
  cidr: isCidr,
  date: text => DATE.test(text) && isTime(text),
  'date-time': text => DATE_TIME.test(text) && isTime(text),
  datetime: text => DATE_TIME.test(text) && isTime(text),
  duration: text => DURATION.test(text),
  email: text => EMAIL.test(text),
  hostname: text => dnsSubdomainProblems(text.toLowerCase()).length === 0,
  ipv4: text => IPV4.test(text),
  ipv6: isIpv6,
  mac: text => MAC.test(text),
  uri: text => URL.canParse(text),
  uuid: text => UUID('[0-9a-f]').test(text),
  uuid3: text => UUID('3').test(text),
  uuid4: text => UUID('4').test(text),
  uuid5: text => UUID('5').test(text),
}

/** Whether a text has a format; true for formats that are not checked. */
export function hasFormat(format: string, text: string): boolean {
  if (!Object.hasOwn(FORMATS, format)) return true
  // Bytes may be long: their check is linear.
  if (text.length > MAX_LENGTH && format !== 'byte') return false
  return FORMATS[format]?.(text) ?? true
}

function isTime(text: string): boolean {
  return !Number.isNaN(Date.parse(text))
}

function isIpv6(text: string): boolean {
  return text.includes(':') && !text.includes('[') && URL.canParse(`http://[${text}]/`)
}

function isCidr(text: string): boolean {
  const [address = '', length = '', ...rest] = text.split('/')
  if (rest.length > 0 || !/^\d{1,3}$/.test(length)) return false
  return IPV4.test(address) ? Number(length) <= 32 : isIpv6(address) && Number(length) <= 128
}
