import { describe, expect, it } from 'vitest'
import type { EndpointGroup } from '../../../../src/cluster/controllers/endpoints/slice-content.ts'
import {
  MAX_ENDPOINTS,
  planSlices,
  type SlicePlan,
} from '../../../../src/cluster/controllers/endpoints/slice-plan.ts'
import type { Endpoint, EndpointSlice } from '../../../../src/kube/index.ts'
import { SeededRandom } from '../../../chaos/random.ts'

const HTTP = [{ name: '', port: 8080, protocol: 'TCP' as const }]
const OTHER = [{ name: '', port: 9090, protocol: 'TCP' as const }]

let serial = 0
function plan(groups: readonly EndpointGroup[], slices: readonly EndpointSlice[], label = 'a'): SlicePlan {
  return planSlices({
    groups,
    slices,
    metadataFor: existing => ({ ...(existing ?? { name: `s${++serial}` }), labels: { label } }),
  })
}

function endpoint(number: number, ready = true): Endpoint {
  return {
    addresses: [`10.42.${Math.floor(number / 250)}.${number % 250}`],
    conditions: { ready, serving: ready, terminating: false },
    targetRef: { kind: 'Pod', name: `p${number}`, uid: `u${number}` },
  }
}

function group(numbers: readonly number[], ports: EndpointGroup['ports'] = HTTP): EndpointGroup {
  return { addressType: 'IPv4', ports, endpoints: numbers.map(number => endpoint(number)) }
}

/** The slices after the plan was carried out. */
function carryOut(
  slices: readonly EndpointSlice[],
  { create, update, remove }: SlicePlan,
): readonly EndpointSlice[] {
  const byName = new Map(slices.map(slice => [slice.metadata.name, slice]))
  for (const slice of remove) byName.delete(slice.metadata.name)
  for (const slice of [...update, ...create]) byName.set(slice.metadata.name, slice)
  return [...byName.values()]
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}

function sizes(slices: readonly EndpointSlice[]): readonly number[] {
  return slices.map(({ endpoints }) => endpoints.length)
}

describe('planSlices()', () => {
  it('fills one slice after the other', () => {
    const { create, update, remove } = plan([group(range(0, 250))], [])
    expect([sizes(create), update, remove]).toEqual([[100, 100, 50], [], []])
  })

  it('plans nothing when all is as it should be, in whatever order', () => {
    const slices = plan([group(range(0, 150))], []).create
    const shuffled = group([...range(75, 150), ...range(0, 75)])
    expect(plan([shuffled], slices)).toEqual({ create: [], update: [], remove: [] })
  })

  it('writes the one slice whose endpoint changed', () => {
    const slices = plan([group(range(0, 300))], []).create
    const changed = {
      ...group(range(0, 300)),
      endpoints: range(0, 300).map(one => endpoint(one, one !== 120)),
    }
    const { create, update, remove } = plan([changed], slices)
    expect([create, remove]).toEqual([[], []])
    expect(update.map(({ metadata }) => metadata.name)).toEqual([slices[1]?.metadata.name])
    expect(update[0]?.endpoints[20]?.conditions?.ready).toBe(false)
  })

  it('puts what is new where something changes anyhow', () => {
    const slices = plan([group(range(0, 250))], []).create
    const { create, update, remove } = plan([group([...range(0, 120), ...range(130, 250), 900, 901])], slices)
    expect([create, remove]).toEqual([[], []])
    expect(update.map(({ metadata }) => metadata.name)).toEqual([slices[1]?.metadata.name])
    expect(sizes(update)).toEqual([92])
  })

  it('puts what is new into the fullest slice that has room for all of it', () => {
    const sparse = [...plan([group(range(0, 40))], []).create, ...plan([group(range(100, 190))], []).create]
    const { create, update } = plan(
      [group([...range(0, 40), ...range(100, 190), ...range(200, 210)])],
      sparse,
    )
    expect(create).toEqual([])
    expect(update.map(({ metadata }) => metadata.name)).toEqual([sparse[1]?.metadata.name])
    expect(
      sizes(plan([group([...range(0, 40), ...range(100, 190), ...range(200, 211)])], sparse).update),
    ).toEqual([51])
  })

  it('uses a slice that is empty now instead of a new one', () => {
    const slices = plan([group(range(0, 3))], []).create
    const { create, update, remove } = plan([group(range(0, 3), OTHER)], slices)
    expect([create, remove]).toEqual([[], []])
    expect(update.map(({ metadata, ports }) => [metadata.name, ports])).toEqual([
      [slices[0]?.metadata.name, OTHER],
    ])
  })

  it('removes a slice that is empty now', () => {
    const slices = plan([group(range(0, 150))], []).create
    const { create, update, remove } = plan([group(range(0, 100))], slices)
    expect([create, update]).toEqual([[], []])
    expect(remove.map(({ metadata }) => metadata.name)).toEqual([slices[1]?.metadata.name])
  })

  it('keeps one empty slice of an empty group, under the same name from first to last', () => {
    const empty = { addressType: 'IPv4' as const, ports: [], endpoints: [] }
    const first = plan([empty], []).create
    expect(first.map(({ endpoints, ports }) => [endpoints, ports])).toEqual([[[], []]])
    expect(plan([empty], first)).toEqual({ create: [], update: [], remove: [] })
    const filled = carryOut(first, plan([group([1])], first))
    const emptied = carryOut(filled, plan([empty], filled))
    expect(emptied.map(({ metadata, endpoints }) => [metadata.name, endpoints])).toEqual([
      [first[0]?.metadata.name, []],
    ])
  })

  it('never makes an IPv6 slice of an IPv4 one', () => {
    const slices = plan([group([1])], []).create
    const six: EndpointGroup = { addressType: 'IPv6', ports: HTTP, endpoints: [{ addresses: ['fd00::1'] }] }
    const { create, update, remove } = plan([six], slices)
    expect([sizes(create), update, remove]).toEqual([[1], [], slices])
  })

  it('tells another pod at the same address from the one before', () => {
    const slices = plan([group([1])], []).create
    const other = { ...endpoint(1), targetRef: { kind: 'Pod', name: 'p2', uid: 'u2' } }
    const { update } = plan([{ ...group([]), endpoints: [other] }], slices)
    expect(update.map(({ endpoints }) => endpoints)).toEqual([[other]])
  })

  it('writes new labels to slices that hold what they should', () => {
    const slices = plan([group(range(0, 150))], []).create
    const { update } = plan([group(range(0, 150))], slices, 'b')
    expect(update.map(({ metadata }) => metadata.labels)).toEqual([{ label: 'b' }, { label: 'b' }])
  })

  it('takes two groups of the same ports as one', () => {
    const { create } = plan([group([1]), group([2])], [])
    expect(sizes(create)).toEqual([2])
  })

  it.each([1, 2, 3, 4, 5])('comes to rest on exactly what is wanted, whatever happens (seed %i)', seed => {
    const random = new SeededRandom(seed)
    let slices: readonly EndpointSlice[] = []
    let wanted = new Map<number, Endpoint>()
    for (let step = 0; step < 60; step++) {
      const before = wanted
      wanted = new Map(before)
      const changes = random.between(1, 80)
      for (let change = 0; change < changes; change++) {
        const number = random.between(0, 399)
        if (random.between(0, 2) === 0) wanted.delete(number)
        else wanted.set(number, endpoint(number, random.between(0, 4) > 0))
      }
      const ports = (number: number) => (number % 7 === 0 ? OTHER : HTTP)
      const groups = [HTTP, OTHER]
        .map(own => ({
          ...group([], own),
          endpoints: [...wanted].filter(([number]) => ports(number) === own).map(([, one]) => one),
        }))
        .filter(({ endpoints }) => endpoints.length > 0)
      const planned = plan(groups, slices)
      slices = carryOut(slices, planned)
      expect(Math.max(0, ...sizes(slices))).toBeLessThanOrEqual(MAX_ENDPOINTS)
      expect(slices.every(({ endpoints }) => endpoints.length > 0)).toBe(true)
      const held = slices.flatMap(slice => slice.endpoints.map(one => JSON.stringify([slice.ports, one])))
      const asked = groups.flatMap(({ ports: of, endpoints }) =>
        endpoints.map(one => JSON.stringify([of, one])),
      )
      expect(held.sort()).toEqual(asked.sort())
      expect(plan(groups, slices)).toEqual({ create: [], update: [], remove: [] })
      // Of each group at most its changed endpoints' slices, those that they go to, and one for the rest of the last.
      const changed = [...new Set([...before.keys(), ...wanted.keys()])].filter(
        number => JSON.stringify(before.get(number)) !== JSON.stringify(wanted.get(number)),
      )
      const writes = planned.create.length + planned.update.length + planned.remove.length
      expect(writes).toBeLessThanOrEqual(changed.length + 2)
    }
  })
})
