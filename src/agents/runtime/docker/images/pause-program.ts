/**
 * The program of a sandbox container: it does nothing until SIGTERM or SIGINT arrives, then exits with 0.
 *
 * It is small enough to be written here as machine code, so that no image has to come from anywhere. The first process
 * of a PID namespace is not sent signals that it does not handle, except blocked ones; so it blocks both signals and
 * then waits for them, which also spares it any handler:
 *
 *     rt_sigprocmask(SIG_BLOCK, &set, NULL, 8)
 *     do r = rt_sigtimedwait(&set, NULL, NULL, 8) while (r < 0)
 *     exit(0)
 */
export function assemblePauseProgram(architecture: PauseArchitecture): Buffer {
  const { machine, code } = PROGRAMS[architecture]
  const image = Buffer.concat([Buffer.from(code), SIGNAL_SET])
  return Buffer.concat([elfHeader(machine), programHeader(HEADERS_SIZE + image.length), image])
}

/** As OCI image configurations name them. */
export type PauseArchitecture = 'amd64' | 'arm64'

/** Bits `signal - 1` of SIGINT (2) and SIGTERM (15), eight bytes as the kernel's sigset_t. Follows the code. */
const SIGNAL_SET: Buffer = Buffer.from([0x02, 0x40, 0, 0, 0, 0, 0, 0])

const X86_64: readonly number[] = [
  ...[0xb8, 0x0e, 0x00, 0x00, 0x00], //             mov eax, 14         rt_sigprocmask
  ...[0x31, 0xff], //                               xor edi, edi        SIG_BLOCK
  ...[0x48, 0x8d, 0x35, 0x32, 0x00, 0x00, 0x00], // lea rsi, [rip+0x32] the set at 0x40
  ...[0x31, 0xd2], //                               xor edx, edx
  ...[0x41, 0xba, 0x08, 0x00, 0x00, 0x00], //       mov r10d, 8
  ...[0x0f, 0x05], //                               syscall
  ...[0xb8, 0x80, 0x00, 0x00, 0x00], // 0x18:       mov eax, 128        rt_sigtimedwait
  ...[0x48, 0x8d, 0x3d, 0x1c, 0x00, 0x00, 0x00], // lea rdi, [rip+0x1c] the set at 0x40
  ...[0x31, 0xf6], //                               xor esi, esi
  ...[0x31, 0xd2], //                               xor edx, edx
  ...[0x41, 0xba, 0x08, 0x00, 0x00, 0x00], //       mov r10d, 8
  ...[0x0f, 0x05], //                               syscall
  ...[0x85, 0xc0], //                               test eax, eax
  ...[0x78, 0xe4], //                               js 0x18
  ...[0xb8, 0x3c, 0x00, 0x00, 0x00], //             mov eax, 60         exit
  ...[0x31, 0xff], //                               xor edi, edi
  ...[0x0f, 0x05], //                               syscall
  ...[0x0f, 0x1f, 0x00], //                         nop                 up to 0x40
]

const AARCH64: readonly number[] = [
  0xd2800000, //                   mov x0, #0       SIG_BLOCK
  0x100001e1, //                   adr x1, #0x3c    the set at 0x40
  0xd2800002, //                   mov x2, #0
  0xd2800103, //                   mov x3, #8
  0xd28010e8, //                   mov x8, #135     rt_sigprocmask
  0xd4000001, //                   svc #0
  0x10000140, // 0x18:             adr x0, #0x28    the set at 0x40
  0xd2800001, //                   mov x1, #0
  0xd2800002, //                   mov x2, #0
  0xd2800103, //                   mov x3, #8
  0xd2801128, //                   mov x8, #137     rt_sigtimedwait
  0xd4000001, //                   svc #0
  0xb7ffff40, //                   tbnz x0, #63, 0x18
  0xd2800000, //                   mov x0, #0
  0xd2800ba8, //                   mov x8, #93      exit
  0xd4000001, //                   svc #0
].flatMap(word => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24])

/** `machine` is ELF's e_machine. */
const PROGRAMS: Readonly<Record<PauseArchitecture, { machine: number; code: readonly number[] }>> = {
  amd64: { machine: 62, code: X86_64 },
  arm64: { machine: 183, code: AARCH64 },
}

const ELF_HEADER_SIZE = 64
const PROGRAM_HEADER_SIZE = 56
const HEADERS_SIZE: number = ELF_HEADER_SIZE + PROGRAM_HEADER_SIZE
/** Where the file is mapped. Segments are aligned to 64 KiB, the largest page of arm64 kernels. */
const LOAD_ADDRESS = 0x400000
const ALIGNMENT = 0x10000

function elfHeader(machine: number): Buffer {
  const header = Buffer.alloc(ELF_HEADER_SIZE)
  header.write('\x7fELF', 0, 'latin1')
  header.set([2, 1, 1], 4) // 64 bits, little endian, version 1
  header.writeUInt16LE(2, 16) // executable
  header.writeUInt16LE(machine, 18)
  header.writeUInt32LE(1, 20)
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS + HEADERS_SIZE), 24) // the entry point: the code follows the headers
  header.writeBigUInt64LE(BigInt(ELF_HEADER_SIZE), 32) // where the program headers are
  header.writeUInt16LE(ELF_HEADER_SIZE, 52)
  header.writeUInt16LE(PROGRAM_HEADER_SIZE, 54)
  header.writeUInt16LE(1, 56) // one program header
  header.writeUInt16LE(64, 58) // the size of a section header, of which there are none
  return header
}

/** One segment: the whole file, readable and executable. */
function programHeader(size: number): Buffer {
  const header = Buffer.alloc(PROGRAM_HEADER_SIZE)
  header.writeUInt32LE(1, 0) // PT_LOAD
  header.writeUInt32LE(0b101, 4)
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 16)
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 24)
  header.writeBigUInt64LE(BigInt(size), 32)
  header.writeBigUInt64LE(BigInt(size), 40)
  header.writeBigUInt64LE(BigInt(ALIGNMENT), 48)
  return header
}
