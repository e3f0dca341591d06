import { describe, expect, it } from 'vitest'
import { createEnvironment } from '../../../src/kinds/cel/environment.ts'
import { compileExpression } from '../../../src/kinds/cel/expression.ts'
import { BudgetExceeded, costsOf, Meter } from '../../../src/kinds/cel/meter.ts'

const BUDGET = 1_000_000

/** What an expression is of values of any type: its value, or why it has none. */
function evaluate(text: string, object: unknown = null, budget: number = BUDGET): unknown {
  const meter = new Meter(budget)
  const environment = createEnvironment(costsOf(() => meter)).registerVariable('object', 'dyn')
  const expression = compileExpression(environment, text)
  if ('problem' in expression) return `compile: ${expression.problem}`
  try {
    return expression.evaluate({ object })
  } catch (error) {
    if (error instanceof BudgetExceeded) return 'budget'
    return `error: ${error instanceof Error ? error.message.split('\n')[0] : ''}`
  }
}

/** Each line is an expression that is true. */
function areTrue(lines: string): readonly string[] {
  return lines
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
}

/** `expression → what is said instead of a value`. */
function areRefused(lines: string): readonly (readonly [string, string])[] {
  return areTrue(lines).map(line => line.split(' → ') as [string, string])
}

describe('lists', () => {
  it.each(
    areTrue(`
      [1, 2, 3].sum() == 6 && [1u, 2u].sum() == 3u && [0.5, 1.5].sum() == 2.0
      [duration("1m"), duration("1s")].sum() == duration("61s")
      [].sum() == 0
      ["a", "b", "b"].isSorted() && !["b", "a"].isSorted() && [].isSorted() && [false, true].isSorted()
      [b"a", b"ab", b"b"].isSorted() && [timestamp("2020-01-01T00:00:00Z"), timestamp("2021-01-01T00:00:00Z")].isSorted()
      [3, 1, 2].min() == 1 && [3, 1, 2].max() == 3 && ["b", "a"].min() == "a" && [1u, 2u].max() == 2u
      [duration("1s"), duration("2s")].max() == duration("2s")
      ["a", "b", "a"].indexOf("a") == 0 && ["a", "b", "a"].lastIndexOf("a") == 2 && ["a"].indexOf("b") == -1
      [[1], [2]].indexOf([2]) == 1 && [1u, 2u].indexOf(2u) == 1 && [{"a": 1}].indexOf({"a": 1}) == 0
      [duration("1s"), duration("2s")].indexOf(duration("2s")) == 1 && [ip("::1")].indexOf(ip("0:0::1")) == 0
      object.sum() == 6 && object.isSorted() && object.indexOf(3) == 2
    `),
  )('%s', text => expect(evaluate(text, [1n, 2n, 3n])).toBe(true))

  it.each(
    areRefused(`
      [9223372036854775807, 1].sum() → error: integer overflow
      object.min() → error: min called on empty list
      object.max() → error: max called on empty list
      ["a"].sum() → compile: found no matching overload
      [{"a": 1}].isSorted() → compile: found no matching overload
      [1].indexOf("a") → compile: found no matching overload
    `),
  )('%s: %s', (text, said) => expect(String(evaluate(text, []))).toContain(said))
})

describe('sets', () => {
  it.each(
    areTrue(`
      sets.contains([1, 2, 3], [2, 3]) && !sets.contains([1], [1, 2]) && sets.contains([], [])
      sets.equivalent([1, 2, 2], [2, 1]) && !sets.equivalent([1], [1, 2])
      sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [2]) && !sets.intersects([1], [])
      sets.contains([[1], [2]], [[2]]) && sets.contains([{"a": 1}], [{"a": 1}])
      sets.contains(object.a, object.b)
      ["x"].all(sets, sets == "x")
    `),
  )('%s', text => expect(evaluate(text, { a: ['p', 'q'], b: ['q'] })).toBe(true))

  it('are of one type', () => {
    expect(evaluate('sets.contains([1], ["a"])')).toContain('compile: found no matching overload')
  })
})

describe('texts', () => {
  it.each(
    areTrue(`
      "abc".charAt(1) == "b" && "abc".charAt(3) == ""
      "a-b-c".replace("-", "+") == "a+b+c" && "a-b-c".replace("-", "+", 1) == "a+b-c" && "a-b".replace("-", "+", 0) == "a-b"
      "a-b".replace("-", "+", -1) == "a+b" && "ab".replace("", "_") == "_a_b_" && "ab".replace("", "_", 2) == "_a_b"
      "a b".split(" ", 1) == ["a b"] && "abcb".lastIndexOf("b") == 3 && "abc".indexOf("c", 1) == 2
      strings.quote("a \\"b\\" \\n") == "\\"a \\\\\\"b\\\\\\" \\\\n\\""
      "%s has %d of %d%%".format(["web", 3, 4u]) == "web has 3 of 4%"
      "%s %s %s".format([true, null, [1, "a", 1.5]]) == "true null [1, \\"a\\", 1.500000]"
      "%s".format([{"b": 1, "a": "x"}]) == "{\\"a\\":\\"x\\", \\"b\\":1}"
      "%s %s".format([duration("1m0.5s"), timestamp("2023-02-03T23:31:20Z")]) == "60.5s 2023-02-03T23:31:20Z"
      "%s %s %s".format([1.5, 1000000.0, 0.00001]) == "1.5 1e+06 1e-05"
      "%s %s".format([type(1), b"abc"]) == "int abc"
      "%s".format([[duration("1s"), timestamp("2023-02-03T23:31:20Z"), b"a", 1u, null]]) == "[duration(\\"1s\\"), timestamp(\\"2023-02-03T23:31:20Z\\"), b\\"a\\", 1, null]"
      "%f %.2f %.0f".format([3.14159, 12345.678, 2.6]) == "3.141590 12,345.68 3"
      "%e".format([1052.032911275]) == "1.052033\\u202f\\u00d7\\u202f10\\u2070\\u00b3"
      "%b %b %o %x %X".format([5, true, 8, 255, "hi"]) == "101 1 10 ff 6869"
      "%x".format([b"\\x00a"]) == "0061" && "%f".format(["NaN"]) == "NaN"
      object.t.format([object.n]) == "n=7"
    `),
  )('%s', text => expect(evaluate(text, { t: 'n=%d', n: 7n })).toBe(true))

  it.each(
    areRefused(`
      "abc".charAt(4) → error: index out of range: 4
      "%s %s".format([1]) → error: index 1 out of range
      "%z".format([1]) → error: could not parse formatting clause: unrecognized formatting clause "z"
      "%".format([1]) → error: unexpected end of string
      "%.999999999f".format([1.0]) → error: could not parse formatting clause: error while parsing precision: "999999999" is no number up to 100
      "%d".format(["a"]) → error: error during formatting: decimal clause can only be used on integers, was given string
      "%f".format([1]) → error: error during formatting: fixed-point clause can only be used on doubles, was given int
      "%s".format(1) → compile: found no matching overload for 'string.format(int)'
      strings.quote(1) → compile: found no matching overload
      "abc".reverse() → compile: found no matching overload for 'string.reverse()'
    `),
  )('%s: %s', (text, said) => expect(String(evaluate(text))).toContain(said))
})

describe('regular expressions', () => {
  it.each(
    areTrue(`
      "abc 123".find("[0-9]+") == "123" && "abc".find("[0-9]+") == ""
      "123 abc 456".findAll("[0-9]+") == ["123", "456"] && "123 456".findAll("[0-9]+", 1) == ["123"]
      "1, 2, 3".findAll("[0-9]+").map(x, int(x)).sum() == 6
      "ab".findAll("[0-9]*") == ["", "", ""] && "a1".findAll("[0-9]*") == ["", "1"]
      "1".findAll("[0-9]", 0) == [] && "12".findAll("[0-9]", -1) == ["1", "2"]
      "aXb".find("(?i)x") == "X" && "abc".matches("^a.c$") && matches("abc", "b")
    `),
  )('%s', text => expect(evaluate(text)).toBe(true))

  it('that are none are an error', () => {
    expect(evaluate('object.find("(")', 'a')).toBe('error: "(" is no regular expression')
    expect(evaluate('"a".find(1)')).toContain('compile: found no matching overload')
  })
})

describe('URLs', () => {
  it.each(
    areTrue(`
      url("https://user:pass@example.com:80/path?query=val#fragment").getScheme() == "https"
      url("https://example.com:80/").getHost() == "example.com:80" && url("https://[::1]:80/").getHost() == "[::1]:80"
      url("https://[::1]:80/").getHostname() == "::1" && url("/path").getHostname() == "" && url("HTTP://a").getScheme() == "http"
      url("https://example.com:80/").getPort() == "80" && url("https://example.com/").getPort() == ""
      url("https://example.com/path with spaces/").getEscapedPath() == "/path%20with%20spaces/"
      url("https://example.com/a%2fb").getEscapedPath() == "/a%2fb" && url("https://example.com").getEscapedPath() == ""
      url("https://example.com/ä").getEscapedPath() == "/%C3%A4"
      url("https://example.com/p?k1=a&k2=b&k2=c").getQuery() == {"k1": ["a"], "k2": ["b", "c"]}
      url("https://example.com/p?key+a=v%20w#k=1").getQuery() == {"key a": ["v w"]} && url("/p?").getQuery() == {}
      isURL("/absolute-path") && isURL("mailto:a@b") && !isURL("../relative-path") && !isURL("https://a:b:c/") && !isURL("")
      !isURL("https://exa mple.com/") && !isURL("https://[::1/") && !isURL("/a%zz") && !isURL(":a") && !isURL("relative")
      url("https://a/b") == url("https://a/b") && url("https://a/b") != url("https://a/c")
    `),
  )('%s', text => expect(evaluate(text)).toBe(true))

  it.each(
    areRefused(`
      url("../a") → error: URL parse error during conversion from string: parse "../a": invalid URI for request
      url("https://a:b/") → error: URL parse error during conversion from string: parse "https://a:b/": invalid port ":b" after host
      url("/a%zz") → error: URL parse error during conversion from string: parse "/a%zz": invalid URL escape "%zz"
      url("") → error: URL parse error during conversion from string: parse "": empty url
      url(1) → compile: found no matching overload
    `),
  )('%s: %s', (text, said) => expect(String(evaluate(text))).toContain(said))
})

describe('addresses', () => {
  it.each(
    areTrue(`
      isIP("127.0.0.1") && isIP("::1") && !isIP("127.0.0.256") && !isIP(":::1") && !isIP("01.2.3.4") && !isIP("fe80::1%eth0") && !isIP("::ffff:1.2.3.4")
      ip("127.0.0.1").family() == 4 && ip("::1").family() == 6
      ip("2001:DB8::0:1") == ip("2001:db8::1") && ip("1.2.3.4") != ip("1.2.3.5") && ip("::1.2.3.4") == ip("::102:304")
      string(ip("2001:0DB8:0:0:1:0:0:1")) == "2001:db8::1:0:0:1" && string(ip("1:0:2:3:4:5:6:7")) == "1:0:2:3:4:5:6:7" && string(ip("::")) == "::"
      ip.isCanonical("127.0.0.1") && ip.isCanonical("2001:db8::abcd") && !ip.isCanonical("2001:DB8::ABCD") && !ip.isCanonical("2001:db8::0:0:0:abcd")
      ip("0.0.0.0").isUnspecified() && ip("::").isUnspecified() && !ip("::1").isUnspecified()
      ip("127.8.0.1").isLoopback() && ip("::1").isLoopback() && !ip("192.168.0.1").isLoopback()
      ip("224.0.0.1").isLinkLocalMulticast() && !ip("224.0.1.1").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast() && !ip("fd00::1").isLinkLocalMulticast()
      ip("169.254.169.254").isLinkLocalUnicast() && ip("fe80::1").isLinkLocalUnicast() && !ip("fd80::1").isLinkLocalUnicast()
      ip("192.168.0.1").isGlobalUnicast() && !ip("255.255.255.255").isGlobalUnicast() && ip("2001:db8::abcd").isGlobalUnicast() && !ip("ff00::1").isGlobalUnicast()
      isCIDR("192.168.0.0/16") && isCIDR("::1/128") && !isCIDR("192.168.0.0/33") && !isCIDR("::1/129") && !isCIDR("1.2.3.4") && !isCIDR("1.2.3.4/08") && !isCIDR("::ffff:1.2.3.4/100")
      cidr("192.168.0.0/24").containsIP(ip("192.168.0.1")) && !cidr("192.168.0.0/24").containsIP("192.168.1.1") && !cidr("0.0.0.0/0").containsIP("::1")
      cidr("192.168.0.0/16").containsCIDR(cidr("192.168.10.0/24")) && cidr("10.0.0.0/8").containsCIDR("10.0.0.0/8") && !cidr("192.168.1.0/24").containsCIDR("192.168.0.0/16")
      cidr("192.168.0.1/24").ip() == ip("192.168.0.1") && cidr("192.168.0.1/24").masked() == cidr("192.168.0.0/24") && cidr("::1/64").prefixLength() == 64
      cidr("192.168.0.1/24") != cidr("192.168.0.1/24").masked() && string(cidr("2001:DB8::1/32").masked()) == "2001:db8::/32"
      ["10.0.0.1"].all(ip, ip.startsWith("10.") && isIP(ip))
    `),
  )('%s', text => expect(evaluate(text)).toBe(true))

  it.each(
    areRefused(`
      ip("1.2.3") → error: IP Address "1.2.3" parse error during conversion from string: ParseAddr("1.2.3"): unable to parse IP
      ip("fe80::1%eth0") → error: IP address "fe80::1%eth0" with zone value is not allowed
      ip("::ffff:1.2.3.4") → error: IPv4-mapped IPv6 address "::ffff:1.2.3.4" is not allowed
      ip.isCanonical("a") → error: IP Address "a" parse error
      cidr("1.2.3.4") → error: network address parse error during conversion from string: netip.ParsePrefix("1.2.3.4"): no "/"
      cidr("1.2.3.4/33") → error: network address parse error during conversion from string: netip.ParsePrefix("1.2.3.4/33"): prefix length out of range
      cidr("1.2.3.0/24").containsIP("x") → error: IP Address "x" parse error
      cidr("1.2.3.0/24").containsIP(1) → compile: found no matching overload
      ip("::1").isPrivate() → compile: found no matching overload
    `),
  )('%s: %s', (text, said) => expect(String(evaluate(text))).toContain(said))
})

describe('quantities', () => {
  it.each(
    areTrue(`
      isQuantity("1.3Gi") && !isQuantity("200K") && !isQuantity("Three")
      quantity("200M").compareTo(quantity("0.2G")) == 0 && quantity("50M").compareTo(quantity("50Mi")) == -1
      quantity("150Mi").isGreaterThan(quantity("100Mi")) && quantity("50M").isLessThan(quantity("100M"))
      quantity("50k").add(quantity("20k")) == quantity("70k") && quantity("50k").add(20) == quantity("50020")
      quantity("50k").sub(quantity("20k")) == quantity("30k") && quantity("50k").sub(20000) == quantity("30k")
      quantity("50k").add(20).sub(quantity("100k")).sub(-50000) == quantity("20")
      quantity("50k").isInteger() && quantity("50k").asInteger() == 50000 && !quantity("500m").isInteger()
      !quantity("9999999999999999999999999999999999999G").isInteger() && quantity("9223372036854775807").isInteger()
      quantity("50k").sub(20000).asApproximateFloat() == 30000.0 && quantity("-1").sign() == -1 && quantity("0").sign() == 0
    `),
  )('%s', text => expect(evaluate(text)).toBe(true))

  it.each(
    areRefused(`
      quantity("500m").asInteger() → error: cannot convert value to integer
      quantity("200K") → error: unable to parse quantity's suffix
      quantity("1").add("1") → compile: found no matching overload
    `),
  )('%s: %s', (text, said) => expect(String(evaluate(text))).toContain(said))
})

describe('formats', () => {
  it.each(
    areTrue(`
      !format.dns1123Label().validate("my-label").hasValue() && format.dns1123Label().validate("My_Label").hasValue()
      !format.dns1123Subdomain().validate("apiextensions.k8s.io").hasValue() && format.dns1123Subdomain().validate("a..b").hasValue()
      !format.dns1035Label().validate("a1").hasValue() && format.dns1035Label().validate("1a").hasValue()
      !format.qualifiedName().validate("apiextensions.k8s.io/v1beta1").hasValue() && format.qualifiedName().validate("a/b/c").hasValue()
      !format.dns1123LabelPrefix().validate("my-").hasValue() && !format.dns1123SubdomainPrefix().validate("a.b-").hasValue() && !format.dns1035LabelPrefix().validate("a-").hasValue()
      format.dns1123LabelPrefix().validate("my_").hasValue()
      !format.labelValue().validate("").hasValue() && format.labelValue().validate("-").hasValue()
      format.uri().validate("a").value() == ["parse \\"a\\": invalid URI for request"] && !format.uri().validate("http://a").hasValue()
      !format.uuid().validate("123e4567-e89b-12d3-a456-426614174000").hasValue() && format.uuid().validate("1").value() == ["does not match the UUID format"]
      !format.byte().validate("aGVsbG8=").hasValue() && format.byte().validate("!").value() == ["invalid base64"]
      !format.date().validate("2021-01-01").hasValue() && format.date().validate("2021-13-01").value() == ["invalid date"]
      !format.datetime().validate("2021-01-01T00:00:00Z").hasValue() && format.datetime().validate("x").value() == ["invalid datetime"]
      format.named("dns1123Label").hasValue() && !format.named("nothing").hasValue() && format.named("uuid").value().validate("1").value().size() == 1
      format.named("uuid").value() == format.uuid()
    `),
  )('%s', text => expect(evaluate(text)).toBe(true))

  it('have the types that upstream declares', () => {
    expect(evaluate('format.uuid().validate(1)')).toContain('compile: found no matching overload')
    expect(evaluate('format.email()')).toContain('compile: found no matching overload')
  })
})

describe('optional values', () => {
  it.each(
    areTrue(`
      optional.of(1).optMap(v, v + 1).value() == 2 && !optional.none().optMap(v, 1).hasValue()
      object.?a.optMap(v, v + 1).orValue(0) == 8 && object.?b.optMap(v, v + 1).orValue(0) == 0
      object.?a.optMap(v, (v + 1) * 2).orValue(0) == 16 && (object.?a).optMap(v, v).hasValue()
      object.?o.optFlatMap(o, o.?x).orValue(0) == 1 && object.?o.optFlatMap(o, o.?y).orValue(0) == 0
      object.?o.optMap(o, o.x).optMap(x, [x].all(y, y == x)).value()
      [1, 2].all(x, object.?a.optMap(v, v > x).orValue(false))
      optional.ofNonZeroValue("a").hasValue() && !optional.ofNonZeroValue("").hasValue() && !optional.ofNonZeroValue(0).hasValue()
      !optional.ofNonZeroValue([]).hasValue() && !optional.ofNonZeroValue({}).hasValue() && !optional.ofNonZeroValue(0u).hasValue() && optional.ofNonZeroValue(0.5).hasValue()
      optional.of(1) == optional.of(1) && optional.of(1) != optional.of(2) && object.?b == optional.none()
    `),
  )('%s', text => expect(evaluate(text, { a: 7n, o: { x: 1n } })).toBe(true))

  it('have types', () => {
    expect(evaluate('optional.of(1).optMap(v, v + "a")')).toContain('compile: no such overload: int + string')
    expect(evaluate('[1].optMap(v, v)')).toContain('compile: found no matching overload')
    expect(evaluate('optionalList__(optional.of(1))')).toBe('compile: it may not name optionalList__')
  })
})

describe('conversions', () => {
  it.each(
    areTrue(`
      string(duration("1m30s")) == "90s" && string(duration("500ms")) == "0.5s"
      string(timestamp("2020-01-01T00:00:00.5Z")) == "2020-01-01T00:00:00.5Z" && string(timestamp("2020-01-01T01:00:00+01:00")) == "2020-01-01T00:00:00Z"
      int(timestamp("1970-01-01T00:01:00Z")) == 60 && timestamp(timestamp(60)) == timestamp(60) && duration(duration("1s")) == duration("1s")
    `),
  )('%s', text => expect(evaluate(text)).toBe(true))
})

describe('costs', () => {
  const big = 'a'.repeat(200_000)
  const many = Array.from({ length: 2_000 }, (_, index) => BigInt(index))

  it.each([
    ['object.findAll("((a+)+b?)+c?")', big],
    [
      '[1, 2, 3, 4, 5, 6, 7, 8, 9].all(x, object.matches("^(([a-z])+.)+[A-Z]([a-z])+$") || true)',
      `${big}${big}`,
    ],
    ['sets.contains(object, object)', many],
    ['object.all(x, object.indexOf(x) >= 0)', many],
    ['object.all(x, object.isSorted())', many],
    ['object.all(x, "%s".format([object]) != "")', many],
  ])('bound %s', (text, object) => {
    expect(evaluate(text, object, 100_000)).toBe('budget')
  })

  it.each([
    ['object.all(x, x.find("[a-z]+") != "")', Array.from({ length: 500 }, () => 'some-name-123')],
    [
      'object.all(x, isIP(x) && cidr("10.0.0.0/8").containsIP(x))',
      Array.from({ length: 500 }, () => '10.1.2.3'),
    ],
    ['sets.contains(object, ["a", "b"])', Array.from({ length: 500 }, (_, index) => (index % 2 ? 'a' : 'b'))],
  ])('leave room for %s', (text, object) => {
    expect(evaluate(text, object)).toBe(true)
  })
})

describe('what 1.32 has not', () => {
  it.each([
    'cel.bind(x, 1, x == 1)',
    'math.greatest(1, 2) == 2',
    'semver("1.0.0")',
    'base64.encode(b"a") == ""',
  ])('%s does not compile', text => expect(evaluate(text)).toContain('compile: '))
})
