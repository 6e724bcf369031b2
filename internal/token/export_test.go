package token

// Chars gives tests the secret characters, which nothing else outside may have.
func Chars(p Parsed) string { return p.chars() }

// DrawID gives tests the draw without the mint around it.
func DrawID(chance []byte) ([16]byte, error) { return drawID(chance) }

// Domain is the prefix of every digested message.
const Domain = domain
