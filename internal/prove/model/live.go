package main

// stuck tells what node does wrong if it is left alone for one whole sync: how the trace goes on, or nothing.
func (w *world) stuck(s *state) []string {
	for n := range w.nodes {
		alone := *s
		alone.verify = verification{}
		w.finish(&alone, n)
		said := "never gets a lease"
		if w.renew(&alone, n) {
			said = w.ask(&alone, n)
		}
		good := alone.primary.key == original && alone.primary.account == original
		if good && said != valid || !good && said != refused {
			return []string{nodeName[n] + ": is left alone for one whole sync", nodeName[n] + ": " + said}
		}
	}
	return nil
}

// finish ends what the node has begun.
func (w *world) finish(s *state, n int) {
	nd := &s.node[n]
	for i := range nd.sync {
		w.finishSync(s, n, i)
	}
	for i := range nd.fill {
		for nd.fill[i].stage != fillIdle {
			w.advanceFill(s, n, &nd.fill[i], onPrimary)
		}
	}
}

func (w *world) finishSync(s *state, n, i int) {
	for s.node[n].sync[i].stage != syncIdle {
		w.advanceSync(s, n, i, onPrimary)
	}
}

// renew does one whole sync, and what it asks for: a sync that meets another history registers, and then one more succeeds.
func (w *world) renew(s *state, n int) bool {
	nd := &s.node[n]
	nd.base = w.horizon
	for range 3 {
		for nd.registering != registered {
			w.advanceRegistration(s, n)
		}
		w.advanceSync(s, n, 0, onPrimary)
		w.finishSync(s, n, 0)
		if nd.base == 0 {
			return true
		}
	}
	return false
}

// ask verifies the key.
func (w *world) ask(s *state, n int) string {
	s.verify.node = uint8(n)
	s.takeBase()
	said := ""
	for s.verify.stage != verifyIdle && s.verify.stage != verifyWaits {
		said = w.advanceVerification(s, onPrimary)
	}
	return said
}
