package pgtest

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// Counted puts a counter of statements in front of the server of an address: what
// is opened with counted reaches the same database, and n is how many statements
// have been run over it so far.
func Counted(t testing.TB, address string) (counted string, n *atomic.Int64) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	server := filepath.Join(q.Get("host"), ".s.PGSQL.5432")
	dir, err := os.MkdirTemp("", "pgcount") // short: the path of a socket has to be
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); os.RemoveAll(dir) })
	n = new(atomic.Int64)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go relay(client, server, n)
		}
	}()
	q.Set("host", dir)
	u.RawQuery = q.Encode()
	return u.String(), n
}

// relay carries one connection, and counts the messages that run something:
// Execute and simple Query. The first message has no type.
func relay(client net.Conn, address string, n *atomic.Int64) {
	defer client.Close()
	server, err := net.Dial("unix", address)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	defer server.Close()
	for typed := false; ; typed = true {
		head := make([]byte, 4, 5)
		if typed {
			head = head[:5]
		}
		if _, err := io.ReadFull(client, head); err != nil {
			return
		}
		if typed && (head[0] == 'E' || head[0] == 'Q') {
			n.Add(1)
		}
		if _, err := server.Write(head); err != nil {
			return
		}
		length := int64(binary.BigEndian.Uint32(head[len(head)-4:])) - 4
		if _, err := io.CopyN(server, client, length); err != nil {
			return
		}
	}
}
