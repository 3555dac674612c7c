package control

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tem/internal/address"
	"tem/internal/config"
	"tem/internal/directory"
)

const (
	// MaxImport bounds an imported file, in bytes, and maxPeople its lines.
	MaxImport = 32 << 20
	maxPeople = 100_000
	// maxBadLines bounds how many bad lines are told at once.
	maxBadLines = 100
)

// columns of an imported file, in the order that they have without a header line.
var columns = [...]string{"address", "password", "name", "quota"}

const (
	columnAddress = iota
	columnPassword
	columnName
	columnQuota
)

// AccountImport carries a CSV file.
type AccountImport struct {
	CSV []byte `json:"csv"`
}

// Imported says what came of an import: people added, or bad lines and nobody added.
type Imported struct {
	Added int       `json:"added"`
	Bad   []BadLine `json:"bad,omitempty"`
	More  int       `json:"more,omitempty"` // bad lines beyond those of Bad
}

// BadLine is one line of the file that cannot be taken, and why.
type BadLine struct {
	Line int    `json:"line"` // from 1; 0: the file as a whole
	Why  string `json:"why"`
}

// Import adds every person of a file, or nobody if any line is bad.
func (s *Service) Import(ctx context.Context, r AccountImport, w watcher) (Imported, error) {
	f := importFile{service: s, lines: map[string]int{}, order: defaultOrder()}
	if err := f.read(ctx, r.CSV); err != nil {
		return Imported{}, err
	}
	if f.result.Bad != nil {
		return f.result, nil
	}
	added, err := s.Directory.AddAccounts(ctx, f.people, func(done int) { w.progress(done, len(f.people)) })
	if err != nil {
		return Imported{}, err
	}
	if err := s.welcome(ctx, added); err != nil {
		return Imported{}, err
	}
	return Imported{Added: len(added)}, nil
}

// importFile is a file as it is read. Nothing of a line is repeated in an
// error before it is known to be an address: a password may be in any column.
type importFile struct {
	service *Service
	order   []int // order[i]: what the i-th column of the file is
	people  []directory.NewAccount
	lines   map[string]int // by address key
	result  Imported
}

func defaultOrder() []int { return []int{columnAddress, columnPassword, columnName, columnQuota} }

func (f *importFile) bad(line int, format string, args ...any) {
	if len(f.result.Bad) == maxBadLines {
		f.result.More++
		return
	}
	f.result.Bad = append(f.result.Bad, BadLine{line, fmt.Sprintf(format, args...)})
}

func (f *importFile) read(ctx context.Context, data []byte) error {
	if len(data) > MaxImport {
		return errorf(Invalid, "the file has more than %s", config.Size(MaxImport))
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.FieldsPerRecord = -1
	r.TrimLeadingSpace = true
	for first := true; ; first = false {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f.unreadable(err)
			return nil // what follows a broken quote means nothing
		}
		line, _ := r.FieldPos(0)
		if first && f.header(line, fields) {
			if f.result.Bad != nil {
				return nil
			}
			continue
		}
		if err := f.line(ctx, line, fields); err != nil {
			return err
		}
	}
	if len(f.people) == 0 && f.result.Bad == nil {
		f.bad(0, "the file has no accounts")
	}
	return nil
}

// unreadable notes a line that is no CSV.
func (f *importFile) unreadable(err error) {
	var p *csv.ParseError
	if errors.As(err, &p) {
		f.bad(p.Line, "column %d: %v", p.Column, p.Err)
		return
	}
	f.bad(0, "the file cannot be read")
}

// header takes the order of the columns from a first line that names them: its
// first field is a column's name, which no address is.
func (f *importFile) header(line int, fields []string) bool {
	if columnOf(fields[0]) < 0 {
		return false
	}
	f.order = make([]int, len(fields))
	for i, name := range fields {
		f.order[i] = columnOf(name)
		if f.order[i] < 0 || slices.Contains(f.order[:i], f.order[i]) {
			f.bad(line, "the header may only name %s, each once", strings.Join(columns[:], ", "))
			return true
		}
	}
	if !slices.Contains(f.order, columnAddress) || !slices.Contains(f.order, columnPassword) {
		f.bad(line, "the header must name the columns address and password")
	}
	return true
}

func columnOf(name string) int {
	return slices.Index(columns[:], strings.ToLower(strings.TrimSpace(name)))
}

// line takes one person over, or notes why not; its error is one that ends the import.
func (f *importFile) line(ctx context.Context, line int, fields []string) error {
	p, why := f.parse(fields)
	if why != "" {
		f.bad(line, "%s", why)
		return nil
	}
	if before, ok := f.lines[p.Address.Key()]; ok {
		f.bad(line, "%s is already on line %d", p.Address, before)
		return nil
	}
	f.lines[p.Address.Key()] = line
	if len(f.people) == maxPeople {
		return errorf(Invalid, "the file has more than %d accounts: import it in pieces", maxPeople)
	}
	f.people = append(f.people, p)
	return f.check(ctx, line, p)
}

// check asks the directory whether it would take p.
func (f *importFile) check(ctx context.Context, line int, p directory.NewAccount) error {
	err := f.service.Directory.CheckNew(ctx, p)
	if err == nil {
		return nil
	}
	known := asError(f.service.hint(ctx, p.Address, err))
	if known.Kind == Failed {
		return err
	}
	f.bad(line, "%s", known.Text)
	return nil
}

// parse reads one line; why says what is wrong with it.
func (f *importFile) parse(fields []string) (p directory.NewAccount, why string) {
	if len(fields) < 2 {
		return p, "the line has no password: the columns are address,password,name,quota, the last two optional"
	}
	if len(fields) > len(f.order) {
		return p, fmt.Sprintf("the line has %d columns, at most %d are known", len(fields), len(f.order))
	}
	var err error
	for i, s := range fields {
		if !utf8.ValidString(s) {
			return p, columns[f.order[i]] + ": not UTF-8"
		}
		switch f.order[i] {
		case columnAddress:
			p.Address, err = address.Parse(strings.TrimSpace(s))
		case columnPassword:
			p.Password = s
		case columnName:
			p.Name = strings.TrimSpace(s)
		case columnQuota:
			p.Quota, err = parseQuota(s)
		}
		if err != nil {
			return p, columns[f.order[i]] + ": not " + wanted[f.order[i]]
		}
	}
	if p.Address.IsNull() {
		return p, "address: not " + wanted[columnAddress]
	}
	return p, ""
}

// wanted is what a column that can be malformed should be.
var wanted = [...]string{
	columnAddress: "an address of the form local@domain",
	columnQuota:   "a size such as 500M or 2G",
}

func parseQuota(s string) (int64, error) {
	if strings.TrimSpace(s) == "" {
		return 0, nil
	}
	var n config.Size
	err := n.UnmarshalText([]byte(s))
	return int64(n), err
}
