// Package attachment keeps the files that people add to records: it tells what a
// file is by its content, gives it a name that nobody can guess, stores its bytes
// and deletes what nothing holds any more.
//
// Who may see a file, and which files a field takes, package collection decides:
// a file belongs to the record that holds it ([collection.Attachments]).
//
// Bytes lie in a [Place]: a directory, or the database. They are safe there before
// a file gets its row, and go after it, so a file with a row can always be read;
// what a crash leaves in between is bytes without a row, which [Store.SweepOnce]
// removes a day later. A row remembers its place, so the setting can change at any
// time.
package attachment
