package pg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/lib/pq"
)

// Code returns err's SQLSTATE, "" when it is not from PostgreSQL.
func Code(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return string(e.Code)
	}
	return ""
}

// Constraint returns the name of the constraint that err violated, or "".
func Constraint(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return e.Constraint
	}
	return ""
}

// IsUnique reports a violated unique index.
func IsUnique(err error) bool { return Code(err) == "23505" }

// IsForeignKey reports a reference to a row that is not there, or a row that
// is still referred to.
func IsForeignKey(err error) bool { return Code(err) == "23503" }

// IsNotNull reports a missing value.
func IsNotNull(err error) bool { return Code(err) == "23502" }

// IsRetryable reports that the same transaction may succeed when run again:
// serialization failure, deadlock, or a plan made stale by a change of a table.
func IsRetryable(err error) bool {
	switch Code(err) {
	case "40001", "40P01":
		return true
	}
	return isStalePlan(err)
}

// IsLockTimeout reports that a lock was not had within lock_timeout.
func IsLockTimeout(err error) bool { return Code(err) == "55P03" }

// IsCanceled reports that a statement was ended from outside, or by
// statement_timeout.
func IsCanceled(err error) bool { return Code(err) == "57014" }

// IsExhausted reports that the server has not what it takes: its disk is full or
// fails, or it is out of memory. That may be so for everybody, or only for what one
// statement asked for.
func IsExhausted(err error) bool {
	switch Code(err) {
	case "53100", "53200", "58030":
		return true
	}
	return false
}

// IsUnavailable reports that the server went away, is starting or stopping, or
// refuses connections for now.
func IsUnavailable(err error) bool {
	switch Code(err) {
	case "57P01", "57P02", "57P03", "53300":
		return true
	}
	return isConnError(err)
}

func isStalePlan(err error) bool {
	return Code(err) == "0A000" && strings.Contains(err.Error(), "cached plan must not change")
}

func isConnError(err error) bool {
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	code := Code(err)
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P")
}
