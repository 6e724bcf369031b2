// Letters and digits that nobody takes for one another when they are read out or copied by hand.
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789";

/** A first password of at least so many characters and 99 bits, in groups that can be read out. */
export function makePassword(least = 0): string {
  const groups = Math.max(4, Math.ceil((least + 1) / 6));
  return Array.from({ length: groups }, () => Array.from({ length: 5 }, pick).join("")).join("-");
}

// Bytes at the end of the range are thrown away, or some characters would come more often.
function pick(): string {
  const byte = new Uint8Array(1);
  do crypto.getRandomValues(byte);
  while (byte[0]! >= 256 - (256 % alphabet.length));
  return alphabet[byte[0]! % alphabet.length]!;
}
