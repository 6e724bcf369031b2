package changefeed

import "github.com/prometheus/client_golang/prometheus"

type nodeMetrics struct {
	all       []prometheus.Collector
	syncs     prometheus.Histogram
	lapses    prometheus.Counter
	diverged  prometheus.Counter
	discarded prometheus.Counter
}

func newNodeMetrics(n *Node) *nodeMetrics {
	m := &nodeMetrics{
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latchkey_sync_duration_seconds",
			Help:    "Time that a sync with the database took, of those that succeeded.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}}),
		lapses: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_lease_lapses_total",
			Help: "How often the lease had ended before it was renewed: verifications were answered 503 meanwhile."}),
		diverged: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_history_diverged_total",
			Help: "How often this node forgot everything and registered anew: after a failover, a removal from the cluster, or too many changes at once."}),
		discarded: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_fills_discarded_total",
			Help: "Rows that were read and not remembered, because they might be older than a change."}),
	}
	age := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "latchkey_lease_age_seconds",
		Help: "Time since the moment of which this node knows every change; -1 before the first sync."}, func() float64 {
		l := n.Lease()
		if l == nil {
			return -1
		}
		return (n.cfg.Clock() - l.base).Seconds()
	})
	m.all = []prometheus.Collector{m.syncs, m.lapses, m.diverged, m.discarded, age}
	return m
}

// Register adds the metrics of a node to a registry.
func (n *Node) Register(r prometheus.Registerer) { r.MustRegister(n.metrics.all...) }
