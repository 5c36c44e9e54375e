// Package task keeps the work that waits for people. An execution pauses on a
// step that asks one or more persons, each of whom gets a task and a mail with a
// link; it goes on when the step is decided.
//
// # Promises
//
//   - Tasks, links and mails are made in the transaction that pauses the
//     execution ([Store.Create]), and a decision is written in the transaction
//     that wakes it ([Store.Decide]). Neither exists without the other.
//   - A step with one shared decision is decided once. All tasks of the step are
//     locked in the order of their ids, and the update is conditional on the task
//     being open; whoever comes second gets [ErrDecided]. The others' tasks are
//     closed in the same transaction.
//   - A task keeps what was asked and shown as it was when it was made, so that
//     a person decides on what the mail said.
//   - An open task whose execution has ended reads as stopped, whoever ended it;
//     no list or counter has to be repaired.
//
// A decision names its channel (app, mailed link, API), the address and the
// browser, because a forwarded mail lets somebody else decide in a person's
// name, and the history should tell.
//
// The package knows nothing of pages or HTTP.
package task
