// Package alert tells people by mail what goes wrong: executions that fail, and
// what else needs attention (see [alur/engine.Engine.Attention]).
//
// A [Watchdog] runs in every process; one at a time is at work, every ten
// seconds. It goes by what the database says, never by the execution that failed,
// so a process that died is no reason to hear nothing, and a failing step pays
// nothing for it: ten thousand failures are one look at an index, and one mail.
//
// What was told and the mails are written in one transaction, so an alert is in
// the outbox exactly once. When the database takes no changes, nothing can be
// written down: then the watchdog of each process mails at once, past the outbox,
// those who hear of the server, and says no more for a while.
//
// Who was told of a trouble is told once when it is over: when it has been away for
// five minutes. What comes back within that quiet time had not gone. When it comes
// back within an hour after they heard, they hear again at once, and its end then has
// to last for an hour.
//
// Who may not see a workflow gets no mail about it, whatever its settings say. The
// settings are [alur/engine.Alerts]; the words of troubles are those of the page
// “Needs attention”.
package alert
