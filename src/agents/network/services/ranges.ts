/** Whether an IPv4 address lies in a network such as `10.42.0.0/16`. */
export function isWithin(address: string, network: string): boolean {
  const [base = '', prefix = '32'] = network.split('/')
  const size = 2 ** (32 - Number(prefix))
  return Math.floor(numberOf(address) / size) === Math.floor(numberOf(base) / size)
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}
