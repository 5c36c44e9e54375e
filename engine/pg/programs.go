package pg

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version of PostgreSQL that we run on.
const oldest = 14

// Programs is an installed PostgreSQL server.
type Programs struct {
	Bin   string // directory with initdb and postgres
	Major int
}

func (p Programs) initdb() string   { return filepath.Join(p.Bin, "initdb") }
func (p Programs) postgres() string { return filepath.Join(p.Bin, "postgres") }

// binFolders are where packages put the server's programs when PATH lacks them.
var binFolders = []string{
	"/usr/lib/postgresql/*/bin",                                       // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                                // PostgreSQL's own RPMs
	"/usr/bin",                                                        // Fedora, Arch, Alpine
	"/usr/libexec/postgresql*",                                        // Alpine
	"/usr/local/pgsql/bin",                                            // built from source
	"/opt/homebrew/opt/postgresql@*/bin",                              // Homebrew, Apple silicon
	"/usr/local/opt/postgresql@*/bin",                                 // Homebrew, Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",                 // Homebrew, Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin",              // Postgres.app
	"/nix/var/nix/profiles/default/bin", "/run/current-system/sw/bin", // Nix
}

// FindPrograms returns the installed PostgreSQL servers, newest first.
func FindPrograms() []Programs { return findPrograms(os.Getenv("PATH"), binFolders) }

func findPrograms(path string, folders []string) []Programs {
	dirs := filepath.SplitList(path)
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range folders {
		found, _ := filepath.Glob(pattern)
		dirs = append(dirs, found...)
	}
	var all []Programs
	for _, dir := range dirs {
		// A link in PATH may stand alone, without the programs beside it.
		if real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil {
			dir = filepath.Dir(real)
		}
		p := Programs{Bin: dir}
		if slices.ContainsFunc(all, func(o Programs) bool { return o.Bin == p.Bin }) {
			continue
		}
		if _, err := exec.LookPath(p.initdb()); err != nil {
			continue
		}
		if p.Major = majorOf(p.postgres()); p.Major >= oldest {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b Programs) int { return cmp.Compare(b.Major, a.Major) })
	return all
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// majorOf asks a server program for its version; 0 when it does not tell.
func majorOf(program string) int {
	out, err := exec.Command(program, "--version").Output()
	if err != nil {
		return 0
	}
	m := versionText.FindSubmatch(out)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// ChoosePrograms returns what the private server of alur's data directory dir
// runs with, or a [Problem].
func ChoosePrograms(dir string) (Programs, error) {
	return choose(FindPrograms(), place{root: filepath.Join(dir, "postgres")}.major())
}

// choose picks the programs for a cluster: of its own major version, or the
// newest when there is no cluster yet (major 0).
func choose(all []Programs, major int) (Programs, error) {
	if len(all) == 0 {
		return Programs{}, problem("PostgreSQL's programs (%d or later) were not found. %s, or set DATABASE_URL to a database of yours.", oldest, installAdvice())
	}
	if major == 0 {
		return all[0], nil
	}
	for _, p := range all {
		if p.Major == major {
			return p, nil
		}
	}
	return Programs{}, problem("The data directory was made by PostgreSQL %d, but only PostgreSQL %d is installed. Install version %d again, or move the data with pg_dump.",
		major, all[0].Major, major)
}

// installAdvice names the command for the reader's system.
func installAdvice() string {
	if runtime.GOOS == "darwin" {
		return "Install them with “brew install postgresql@17”"
	}
	for _, s := range []struct{ tool, advice string }{
		{"apt-get", "sudo apt-get install postgresql"},
		{"dnf", "sudo dnf install postgresql-server"},
		{"zypper", "sudo zypper install postgresql-server"},
		{"pacman", "sudo pacman -S postgresql"},
		{"apk", "sudo apk add postgresql"},
	} {
		if _, err := exec.LookPath(s.tool); err == nil {
			return "Install them with “" + s.advice + "”"
		}
	}
	return "Install the PostgreSQL server"
}
