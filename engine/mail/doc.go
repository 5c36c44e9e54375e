// Package mail is the outbox: mails are rows, written in the transaction that
// wants them sent, and delivered by a [Worker] through SMTP.
//
// A mail whose transaction is rolled back does not exist. One that was committed
// is sent at least once: a worker that dies between sending and noting so leaves
// a mail that is sent again under the same Message-ID, by which mail servers and
// readers drop the repeat.
//
// Without a mail server the rows stay queued and the outbox page is where they
// are read. When a server is set up later, mails that were due for more than a
// day are held instead of sent: what they say is probably over. The same keeps a
// restored backup from mailing the past again.
//
// A mail's text may carry tokens (alur_…): mailed decisions, invitations. They
// are taken out of the row once the mail was delivered, so the outbox of a
// working mail server holds none.
package mail
