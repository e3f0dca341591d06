import { type Answer, decode, encode, type Packet, RECURSION_DESIRED } from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressNames } from '../../../../src/agents/network/dns/compress-names.ts'
import {
  encodeAnswer,
  encodeQuery,
  finishAnswer,
  isBadQuery,
  type Query,
  questionKey,
  readQuery,
  readResponse,
  udpLimit,
} from '../../../../src/agents/network/dns/message.ts'

function queryBytes(packet: Partial<Packet> & { name?: string; type?: 'A' | 'AAAA' | 'SRV' } = {}): Buffer {
  const { name = 'Web.default.svc.cluster.local', type = 'A', ...rest } = packet
  return encode({ type: 'query', id: 77, flags: RECURSION_DESIRED, questions: [{ name, type }], ...rest })
}

function opt(udpPayloadSize: number, flags: number = 0): Answer {
  return {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    extendedRcode: 0,
    ednsVersion: 0,
    flags,
    flag_do: false,
    options: [],
  }
}

function query(bytes: Buffer = queryBytes()): Query {
  const read = readQuery(bytes)
  if (read === undefined || isBadQuery(read)) throw new Error('it is a good query')
  return read
}

function rcodeOf(read: ReturnType<typeof readQuery>): number | undefined {
  return read !== undefined && isBadQuery(read) ? read.answer.readUInt8(3) & 0x0f : undefined
}

/** `count` addresses of the query's name. */
function addresses(name: string, count: number): Answer[] {
  return Array.from({ length: count }, (_, at) => ({
    name,
    type: 'A',
    ttl: 5,
    data: `10.42.${Math.floor(at / 250)}.${(at % 250) + 1}`,
  }))
}

function answerOf(asked: Query, answers: Answer[], authorities: Answer[] = []): Buffer {
  return encodeAnswer(asked.question, {
    rcode: 0,
    authoritative: true,
    answers,
    authorities,
    additionals: [],
  })
}

describe('readQuery()', () => {
  it.each([16, 41, 47, 50, 65])(
    'reads the question alone of a query with sixty kilobytes of type %i',
    type => {
      const data = Buffer.alloc(60_000, 255)
      const record = Buffer.alloc(11)
      record.writeUInt16BE(type, 1)
      record.writeUInt16BE(1, 3)
      record.writeUInt16BE(data.length, 9)
      const bytes = Buffer.concat([queryBytes(), record, data])
      bytes.writeUInt16BE(1, 10)
      // Decoded with the rest it would take the codec a sixth of a second each time, and this test a minute.
      for (let time = 0; time < 400; time += 1)
        expect(readQuery(bytes)).toMatchObject({ name: 'Web.default.svc.cluster.local' })
    },
  )

  it('reads a question with what the client can take', () => {
    expect(query()).toMatchObject({
      id: 77,
      name: 'Web.default.svc.cluster.local',
      type: 'A',
      recursionDesired: true,
      checkingDisabled: false,
      edns: undefined,
    })
    expect(query(queryBytes({ additionals: [opt(1400, 0x8000)] })).edns).toEqual({
      udpBytes: 1400,
      dnssecOk: true,
    })
  })

  it.each([
    ['an answer', () => encode({ type: 'response', questions: [{ name: 'a', type: 'A' }] })],
    ['less than a header', () => Buffer.alloc(11)],
    ['nothing', () => Buffer.alloc(0)],
  ])('gives %s no answer', (_, bytes) => {
    expect(readQuery(bytes())).toBeUndefined()
  })

  it.each([
    ['no question', () => queryBytes({ questions: [] }), 1],
    [
      'two questions',
      () =>
        queryBytes({
          questions: [
            { name: 'a', type: 'A' },
            { name: 'b', type: 'A' },
          ],
        }),
      1,
    ],
    ['half a question', () => queryBytes().subarray(0, 20), 1],
    [
      'a name that points at itself',
      () => Buffer.concat([queryBytes().subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
      1,
    ],
    [
      'a name that points at zeros',
      () => Buffer.concat([queryBytes().subarray(0, 12), Buffer.from([0xc0, 8, 0, 1, 0, 1])]),
      1,
    ],
    [
      'counts without records',
      () => {
        const bytes = queryBytes()
        bytes.writeUInt16BE(65_535, 6)
        return bytes
      },
      1,
    ],
    [
      'another class',
      () => queryBytes({ questions: [{ name: 'version.bind', type: 'TXT', class: 'CH' }] }),
      5,
    ],
    ['a zone transfer', () => queryBytes({ questions: [{ name: 'cluster.local', type: 'AXFR' }] }), 5],
    ['an update', () => queryBytes({ flags: 5 << 11 }), 4],
  ])('tells a sender of %s what is wrong', (_, bytes, rcode) => {
    const read = readQuery(bytes())
    expect(rcodeOf(read)).toBe(rcode)
    expect(read !== undefined && isBadQuery(read) && decode(read.answer)).toMatchObject({
      id: 77,
      type: 'response',
    })
  })

  it('never throws, whatever arrives', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), bytes => {
        readQuery(Buffer.from(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  it('never throws for a query with any byte of it wrong', () => {
    const good = queryBytes({ additionals: [opt(1232)] })
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = Buffer.from(good)
        bytes[at] = value
        const read = readQuery(bytes.subarray(0, length))
        if (read === undefined || isBadQuery(read)) return
        // What was read as a query can be answered.
        decode(finishAnswer(answerOf(read, []), read, 512))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('questionKey()', () => {
  it('tells types apart whose numbers differ as letters in case do', () => {
    const https = encodeTyped(65)
    const other = encodeTyped(97)
    expect(questionKey(query(https))).not.toBe(questionKey(query(other)))
  })

  it('takes names in any case for one', () => {
    expect(questionKey(query(queryBytes({ name: 'EXAMPLE.com' })))).toBe(
      questionKey(query(queryBytes({ name: 'example.COM' }))),
    )
  })

  function encodeTyped(type: number): Buffer {
    const bytes = queryBytes({ name: 'a.example' })
    bytes.writeUInt16BE(type, bytes.length - 4)
    return bytes
  }
})

describe('finishAnswer()', () => {
  it('repeats id and question as they were sent and says what the server can do', () => {
    const asked = query()
    const answer = decode(finishAnswer(answerOf(asked, addresses(asked.name, 2)), asked, 512))
    expect(answer).toMatchObject({
      id: 77,
      type: 'response',
      flag_aa: true,
      flag_ra: true,
      flag_rd: true,
      flag_tc: false,
    })
    expect(answer.questions).toEqual([{ name: 'Web.default.svc.cluster.local', type: 'A', class: 'IN' }])
    expect(answer.answers?.map(({ name }) => name)).toEqual(Array(2).fill('Web.default.svc.cluster.local'))
    expect(answer.additionals).toEqual([])
  })

  it('answers a client that knows EDNS with it', () => {
    const asked = query(queryBytes({ additionals: [opt(4096, 0x8000)] }))
    const answer = decode(finishAnswer(answerOf(asked, []), asked, 512))
    expect(answer.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232, flag_do: true }])
  })

  it.each([
    [undefined, 512, 29],
    [512, 512, 28],
    [1232, 1232, 73],
    [4096, 1232, 73],
    [100, 512, 28],
  ])(
    'gives a client that takes %s bytes at most %i, with %i addresses, and sends it to TCP',
    (size, bytes, count) => {
      const asked = query(
        queryBytes({
          name: 'db.default.svc.cluster.local',
          additionals: size === undefined ? [] : [opt(size)],
        }),
      )
      const answer = finishAnswer(answerOf(asked, addresses(asked.name, 200)), asked, udpLimit(asked))
      expect(answer.length).toBeLessThanOrEqual(bytes)
      const decoded = decode(answer)
      expect(decoded).toMatchObject({ flag_tc: true })
      expect(decoded.answers).toHaveLength(count)
    },
  )

  it('leaves out what is only additional without sending anybody to TCP', () => {
    const asked = query()
    const message = encodeAnswer(asked.question, {
      rcode: 0,
      authoritative: true,
      answers: addresses(asked.name, 1),
      authorities: [],
      additionals: addresses('other.default.svc.cluster.local', 100),
    })
    const answer = decode(finishAnswer(message, asked, 512))
    expect(answer).toMatchObject({ flag_tc: false })
    expect(answer.answers).toHaveLength(1)
    expect(answer.additionals?.length).toBeGreaterThan(0)
  })
})

describe('compressNames()', () => {
  const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/)
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map(labels => labels.join('.'))
  const record: fc.Arbitrary<Answer> = fc.oneof(
    fc.record({ name, type: fc.constant('A' as const), ttl: fc.nat(9), data: fc.constant('10.0.0.1') }),
    fc.record({
      name,
      type: fc.constantFrom('CNAME' as const, 'PTR' as const, 'NS' as const),
      ttl: fc.nat(9),
      data: name,
    }),
    fc.record({
      name,
      type: fc.constant('SRV' as const),
      ttl: fc.nat(9),
      data: fc.record({ priority: fc.nat(9), weight: fc.nat(9), port: fc.nat(9), target: name }),
    }),
    name.map(zone => ({
      name: zone,
      type: 'SOA' as const,
      ttl: 5,
      data: {
        mname: `ns.${zone}`,
        rname: `admin.${zone}`,
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
      },
    })),
  )
  const records = fc.array(record, { maxLength: 8 })

  it('says the same in no more bytes', () => {
    fc.assert(
      fc.property(name, records, records, records, (asked, answers, authorities, additionals) => {
        const packet = {
          type: 'response' as const,
          questions: [{ name: asked, type: 'A' as const }],
          answers,
          authorities,
          additionals,
        }
        const written = encode(packet)
        const compressed = compressNames(written)
        expect(compressed.length).toBeLessThanOrEqual(written.length)
        expect(decode(compressed)).toEqual(decode(written))
      }),
    )
  })
})

describe('readResponse()', () => {
  const asked = query(queryBytes({ name: 'www.example.com', additionals: [opt(1232)] }))

  function response(packet: Partial<Packet> = {}): Buffer {
    return encode({
      type: 'response',
      id: 9,
      questions: [{ name: 'WWW.example.com', type: 'A' }],
      answers: addresses('www.example.com', 1),
      additionals: [opt(1232)],
      ...packet,
    })
  }

  it('takes the OPT record out', () => {
    const read = readResponse(response(), asked, 9)
    expect(read).toMatchObject({ rcode: 0, isTruncated: false })
    const { answers = [], additionals } = decode(read?.message ?? Buffer.alloc(0))
    expect(answers).toHaveLength(1)
    expect(additionals).toEqual([])
  })

  it.each([
    ['another id', () => response({ id: 10 })],
    ['another name', () => response({ questions: [{ name: 'www.example.org', type: 'A' }] })],
    ['another type', () => response({ questions: [{ name: 'www.example.com', type: 'AAAA' }] })],
    ['a query', () => encodeQuery(asked, 9)],
    ['half of it', () => response().subarray(0, 40)],
  ])('does not take %s for the answer', (_, bytes) => {
    expect(readResponse(bytes(), asked, 9)).toBeUndefined()
  })
})
