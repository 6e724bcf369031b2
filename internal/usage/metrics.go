package usage

import "github.com/prometheus/client_golang/prometheus"

type meterMetrics struct {
	reservations *prometheus.CounterVec
	returned     prometheus.Counter
	failures     prometheus.Counter
	uncounted    prometheus.Counter
	unavailable  prometheus.Counter
}

func newMeterMetrics(r prometheus.Registerer) *meterMetrics {
	m := &meterMetrics{
		reservations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "latchkey_quota_reservations_total",
			Help: "Statements that took units of a limit, by result: done or failed."}, []string{"result"}),
		returned: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_quota_units_returned_total",
			Help: "Units of limits that were taken, not used and returned."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_usage_flush_failures_total",
			Help: "How often counts could not be written or units not returned; it is tried again each second."}),
		uncounted: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_usage_uncounted_total",
			Help: "Requests that were not counted, because too many keys wait for a database that is away."}),
		unavailable: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_usage_unavailable_total",
			Help: "Requests that were answered 503, because a limit or credits apply and the database could not be asked."}),
	}
	if r != nil {
		r.MustRegister(m.reservations, m.returned, m.failures, m.uncounted, m.unavailable)
	}
	return m
}

func (m *meterMetrics) reserved(err error) {
	result := "done"
	if err != nil {
		result = "failed"
	}
	m.reservations.WithLabelValues(result).Inc()
}
