package metric

// Query lets tests look at plans.
var Query = queries.Get
