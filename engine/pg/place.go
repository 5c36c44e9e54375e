package pg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// socketName is the file of a server's socket; the port number is part of the
// name although there is no TCP.
const socketName = ".s.PGSQL.5432"

// maxSocketPath keeps the socket's path below the kernel's limit (104 to 108).
const maxSocketPath = 100

// place is where a private cluster lives and whose it is.
type place struct {
	lock string // held exclusively by the process that runs the server
	root string // everything of the server's
	run  string // the socket's directory
	uid  int    // user that the server runs as
	gid  int
	drop bool // we are root and give the server another user
}

func (p place) data() string   { return filepath.Join(p.root, "cluster") }
func (p place) log() string    { return filepath.Join(p.root, "server.log") }
func (p place) socket() string { return filepath.Join(p.run, socketName) }

// credential is the user for the server's process, nil for our own.
func (p place) credential() *syscall.Credential {
	if !p.drop {
		return nil
	}
	return &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.gid)}
}

// elsewhere is where root keeps clusters whose data directory the server's user
// cannot enter, such as one under a home directory.
const elsewhere = "/var/lib/alur"

// newPlace finds and makes the directories for a cluster that belongs to the
// data directory dir.
func newPlace(dir string) (place, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return place{}, fmt.Errorf("find the data directory: %w", err)
	}
	p := place{lock: filepath.Join(dir, "postgres.lock"), root: filepath.Join(dir, "postgres"), uid: os.Getuid(), gid: os.Getgid()}
	if err := p.chooseUser(); err != nil {
		return place{}, err
	}
	mode := fs.FileMode(0o700)
	if p.drop {
		mode = 0o711 // the server's user must pass through
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return place{}, problem("The data directory %s cannot be made (%v). Choose another DATA_DIR.", dir, err)
	}
	if p.drop && !isDir(p.data()) {
		other := filepath.Join(elsewhere, digest(dir))
		if isDir(filepath.Join(other, "cluster")) || !enterable(dir, p.uid, p.gid) {
			p.root = other
			if err := os.MkdirAll(elsewhere, 0o711); err != nil {
				return place{}, fmt.Errorf("make a directory for PostgreSQL: %w", err)
			}
		}
	}
	if err := p.own(p.root); err != nil {
		return place{}, err
	}
	p.run = filepath.Join(p.root, "run")
	if len(p.socket()) > maxSocketPath {
		p.run = filepath.Join(shortDir(p.drop), fmt.Sprintf("alur-%d-%s", p.uid, digest(dir)))
	}
	return p, p.own(p.run)
}

// chooseUser decides who runs the server: ourselves, or as root, whom
// PostgreSQL refuses, the owner of an earlier cluster, postgres or nobody.
func (p *place) chooseUser() error {
	if p.uid != 0 {
		if _, err := user.LookupId(strconv.Itoa(p.uid)); err != nil {
			return problem("The user with the number %d has no name on this machine, and PostgreSQL refuses such users. Start alur as a user listed in /etc/passwd, or set DATABASE_URL.", p.uid)
		}
		return nil
	}
	p.drop = true
	if info, err := os.Stat(p.root); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			p.uid, p.gid = int(st.Uid), int(st.Gid)
			return nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		p.uid, _ = strconv.Atoi(u.Uid)
		p.gid, _ = strconv.Atoi(u.Gid)
		if p.uid != 0 {
			return nil
		}
	}
	return problem("PostgreSQL refuses to run as root, and there is no user “postgres” or “nobody” to run it as. Start alur as an ordinary user, or set DATABASE_URL.")
}

// own makes dir if need be, as a private directory of the server's user. A
// directory that somebody else put there is refused.
func (p place) own(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil && p.drop {
		err = os.Chown(dir, p.uid, p.gid)
		if err != nil {
			return fmt.Errorf("give %s to PostgreSQL's user: %w", dir, err)
		}
	} else if err != nil && !errors.Is(err, fs.ErrExist) {
		return problem("The directory %s cannot be made (%v). Choose another DATA_DIR.", dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(st.Uid) != p.uid {
		return problem("The directory %s belongs to another user. Start alur as that user, or choose another DATA_DIR.", dir)
	}
	if info.Mode().Perm() != 0o700 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("make %s private: %w", dir, err)
		}
	}
	return nil
}

// shortDir is a directory with a short path for sockets.
func shortDir(root bool) string {
	if root && isDir("/run") {
		return "/run"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && len(dir) < 40 && isDir(dir) {
		return dir
	}
	return "/tmp"
}

// enterable reports whether a user can pass through dir and all its parents.
func enterable(dir string, uid, gid int) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return false
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false
		}
		bit := fs.FileMode(0o001)
		switch {
		case int(st.Uid) == uid:
			bit = 0o100
		case int(st.Gid) == gid:
			bit = 0o010
		}
		if info.Mode().Perm()&bit == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// major reads which PostgreSQL made the cluster; 0 when there is none yet.
func (p place) major() int {
	text, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

func isDir(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

func sameDir(a, b string) bool {
	ia, errA := os.Stat(a)
	ib, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}
