package postgres

var Jitter = jitter
