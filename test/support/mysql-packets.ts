/** A packet of MySQL's protocol: three bytes of length, a sequence number, the body. */
export function packet(sequence: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from([body.length & 255, body.length >> 8, 0, sequence]), body]);
}

/** The packets that came together, each with its header; they share its memory. */
export function packetsOf(data: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  for (let at = 0; at < data.length; at += packets.at(-1)?.length ?? data.length)
    packets.push(data.subarray(at, at + 4 + data.readUIntLE(at, 3)));
  return packets;
}

/** CLIENT_LONG_PASSWORD, _PROTOCOL_41, _SSL, _SECURE_CONNECTION and _PLUGIN_AUTH. */
const CAPABILITIES = 0x0008_8a01;

/** The protocol's first packet, from a server of this version. */
export function greeting(version: string): Buffer {
  const low = Buffer.alloc(2);
  const high = Buffer.alloc(2);
  low.writeUInt16LE(CAPABILITIES & 0xffff);
  high.writeUInt16LE(CAPABILITIES >>> 16);
  const body = Buffer.concat([
    Buffer.from([10]),
    Buffer.from(`${version}\0`),
    Buffer.from([1, 0, 0, 0]),
    Buffer.from('12345678\0'),
    low,
    Buffer.from([45, 2, 0]),
    high,
    Buffer.from([21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0'),
    Buffer.from('caching_sha2_password\0'),
  ]);
  return packet(0, body);
}

/** The packet that says that the password was right. */
export const signedIn: Buffer = packet(2, Buffer.from([0, 0, 0, 2, 0, 0, 0]));
