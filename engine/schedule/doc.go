// Package schedule computes when schedules fire. Everything in it is a pure
// function of its arguments; what is stored of it, and who starts executions, is
// in the schedule trigger (engine/triggers).
//
// # When clocks change
//
// Each planned time fires once or not at all, by these rules:
//
//   - Intervals of seconds, minutes and hours are stretches of time and do not
//     look at clocks. Whole days are 24 hours, or keep their time of day with
//     [Rule.Wall].
//   - A cron text that names hours ("0 30 2 * * *") fires once for each time it
//     names: the first time when the clock shows it twice, and at the moment when
//     the clock is put forward when that leaves it out. Several that are left out
//     on the same night come to that one moment, and fire once.
//   - A cron text for any hour ("0 */5 * * * *") goes on as time goes by: through
//     both of two equal hours, and it does not make up for what is left out.
//   - A day that a month does not have (the 31st, 29 February) is left out. L is
//     the last day of every month.
//
// The first time that a cron schedule fires is its start, whatever the text says,
// and nothing fires before it.
package schedule
