import { crc32, deflateRawSync } from 'node:zlib'

/** An archive of one program, as the releases of terraform are. */
export function zipOf(name: string, content: Buffer): Buffer {
  const packed = deflateRawSync(content, { level: 1 })
  const file = Buffer.from(name)
  const shared = Buffer.alloc(26)
  shared.writeUInt16LE(20, 0)
  shared.writeUInt16LE(8, 4)
  shared.writeUInt32LE(crc32(content), 10)
  shared.writeUInt32LE(packed.byteLength, 14)
  shared.writeUInt32LE(content.byteLength, 18)
  shared.writeUInt16LE(file.byteLength, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), shared, file, packed])
  const ofUnix = Buffer.from([20, 3])
  const attributes = Buffer.alloc(14)
  attributes.writeUInt32LE(0o100755 * 0x10000, 6)
  const central = Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), ofUnix, shared, attributes, file])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.byteLength, 12)
  end.writeUInt32LE(local.byteLength, 16)
  return Buffer.concat([local, central, end])
}
