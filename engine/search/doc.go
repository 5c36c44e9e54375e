// Package search finds executions by what is in their data, by the record that
// started them, and by the people who had to do with them. It keeps an index beside
// the executions, which one of all processes writes in the background
// ([Index.Once]), some seconds late; the engine asks it (engine/execution_search.go).
//
// # What is kept
//
// Of each execution one text of at most [MaxText] bytes: why it ended, its trigger
// data, its output, and what its steps came to, those that failed first. Only values
// count, not the names of fields, each once, in small letters. What a person looks
// for is in the text exactly as typed ([Terms]), also within words and numbers.
// Secrets are not in it: what is kept of an execution does not hold them, and what
// equals one is masked here too.
//
// The subjects of an execution are the record that its trigger hands on, and the
// people who started it or decided in it.
//
// # The index
//
// Sixteen texts with ids one after the other are a block; of each block the index
// knows all pieces of three characters, of four digits, and of those where a word or
// number begins with what is before it. A text is looked for in the blocks that hold
// all of its pieces, the newest block first, by reading their texts. So what comes
// first is found first, however many there are: an index of the single texts would
// have to be read to its end, and sorted, for each page.
//
// # How it keeps up
//
// The row execution_search says how far the index is, so a restart goes on there.
// New executions are taken in by their ids. What is committed late, as by an import
// that takes minutes, is found when the transactions are over that were open when its
// ids were made; the last of it when housekeeping is sure that nothing more can turn
// up (housekeeping.counted_to). Executions that were not over are looked at again until
// they are. Those from before the index come last, the newest first. While many
// executions are queued, all this takes a twentieth of one connection's time, and
// nothing of it is done in the transactions that run workflows.
//
// # Why
//
// Measured on a million executions of orders with 550 bytes of trigger data and four
// steps each, with PostgreSQL's default of 128 MB of shared buffers, on a machine
// that was busy with other things: times are CPU time of PostgreSQL.
//
// The index takes 375 MB for the texts (250 bytes each), 360 MB for the blocks and
// 161 MB for the subjects, beside 2,400 MB of executions and jobs, and some 0.15 ms to
// take an execution in. Taken into the index of pieces one row at a time, it was more
// than four times that; it takes them a list at a time now (fastupdate).
//
// A page of 50 costs 1 ms for a word that all have, 9 for one that 2 % have, 5 for
// 0.1 %, 3 for 20 of the million and for none; 2 for a number, 8 for a mail address,
// 11 for two words, 5 to 8 for two common words beside each other, and 2 when they
// never are. With a state 2 to 33, with a workflow 2 to 8, with a length of time 36,
// with a day 7; a person or a record 0.5 to 1.5, with a state or a workflow 6 to 12,
// with a text and a state 28.
//
// On a quiet machine the whole page, count included, took 3 to 58 ms (p95) for 23
// kinds of search, and 6,500 executions a second were taken in (go run ./cmd/bench
// -only growth). The dearest is text, person, state, workflow, length and time at
// once when each of them is common and all together are not: 58 ms, and 168 while the
// lists took turns by the time they had taken and not by how far they came in it.
//
// The pieces where words begin are a quarter of all. Without them, a phrase of common
// words cost 50 to 80 ms, and one that is nowhere 110: words in one of sixteen texts
// are not beside each other in one. Asking for up to 64 pieces instead of any 16 took
// the mail address from 44 ms to 8.
//
// An index of the pieces of single texts (pg_trgm, which not every PostgreSQL has)
// took 340 MB for a million, one of their words (tsvector) as much, and finds no part
// of a word. Both read all texts with a word for each page: of 100,000 texts 2,020
// pages for a word that 2 % have, 3,840 for one that all have, and ten times that of a
// million. Blocks of 32 took two thirds of what these do, but up to five times as long for
// two words, as more of them hold both.
package search
