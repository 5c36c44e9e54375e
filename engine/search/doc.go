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
// knows all pieces of three characters, and of four digits. A text is looked for in
// the blocks that hold all of its pieces, the newest block first, by reading their
// texts. So what comes first is found first, however many there are: an index of the
// single texts would have to be read to its end, and sorted, for each page.
//
// # How it keeps up
//
// The row execution_search says how far the index is, so a restart goes on there.
// New executions are taken in by their ids; what another process committed late is
// found when housekeeping is sure that nothing more can turn up
// (housekeeping.counted_to). Executions that were not over are looked at again until
// they are. Those from before the index come last, the newest first. While many
// executions are queued, all this takes a twentieth of one connection's time, and
// nothing of it is done in the transactions that run workflows.
package search
