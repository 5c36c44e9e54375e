package auth

import "context"

// Hash hashes a password that is kept in a record, as those of people are. It
// waits for its turn like a sign-in does.
func Hash(ctx context.Context, password string) (string, error) {
	return hashPassword(ctx, password, DefaultCost)
}
