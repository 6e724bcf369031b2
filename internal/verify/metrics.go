package verify

import "github.com/prometheus/client_golang/prometheus"

// Register adds the metrics of a memory to a registry.
func (m *Memory) Register(r prometheus.Registerer) {
	for kind, count := range map[string]func() int{"key": m.keys.len, "session": m.sessions.len, "account": m.accounts.len, "role": m.roles.len} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "latchkey_memory_entries", Help: "What is kept in memory, by kind.",
			ConstLabels: prometheus.Labels{"kind": kind}}, func() float64 { return float64(count()) }))
	}
}
