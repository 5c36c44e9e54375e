package main

import (
	"testing"

	"alur/views/typetest"
)

// TestTypes: our types have what people need of them.
func TestTypes(t *testing.T) { typetest.Check(t) }
