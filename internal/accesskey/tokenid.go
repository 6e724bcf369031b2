package accesskey

// TokenID is the public id of the key's token: what internal/verify finds it by.
func (k AccessKey) TokenID() string { return k.Hint[max(0, len(k.Hint)-tokenIDLen):] }

const tokenIDLen = 16
