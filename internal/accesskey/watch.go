package accesskey

// Watch is a stand-in.
type Watch struct{}

// Note notes nothing.
func (w *Watch) Note(keyID, address string) {}
