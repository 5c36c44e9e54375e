// Package metric counts what workflows do, for Prometheus.
//
// A nil [Metrics] counts nothing, so whoever has none need not ask. Labels are
// bounded: at most 200 workflows are told apart, by their key, and the rest is
// "other"; node types and statuses come from closed lists.
//
// What the queue holds is not counted along but looked up when somebody asks, by
// one bounded query at most every five seconds; see [Metrics.Watch].
//
// # Why
//
// prometheus/client_golang, because its text format is what every monitoring
// takes. The counters of a workflow are looked up once per compiled program, so
// that a step costs two atomic additions.
package metric
