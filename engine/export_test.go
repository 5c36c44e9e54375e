package engine

// RunBatch lets tests play a worker that is late.
var RunBatch = (*Engine).runBatch
