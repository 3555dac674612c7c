package s3

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// Options say where the bodies are and who we are there.
type Options struct {
	Host      string // HOST or HOST:PORT; empty: Amazon, by the region
	Bucket    string
	Prefix    string // of all names, without a slash at either end; may be empty
	Region    string
	Plain     bool           // speak HTTP instead of HTTPS
	Roots     *x509.CertPool // whom to believe; nil: as the system does
	AccessKey Secret
	SecretKey Secret
	Token     Secret // of a session; may be empty

	Timeout  time.Duration // for one request and its answer, of at most 8 MiB; 0: 30 s
	Attempts int           // at a request that fails in a way that may pass; 0: 4
}

// Secret prints as a placeholder under every verb.
type Secret string

const hidden = "(hidden)"

func (Secret) Format(f fmt.State, _ rune)   { io.WriteString(f, hidden) }
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// String is the address without credentials; ParseURL reads it.
func (o Options) String() string {
	name := path.Join("/", o.Bucket, o.Prefix)
	if o.Host == "" {
		name = name[1:]
	}
	q := url.Values{"region": {o.Region}}
	if o.Plain {
		q.Set("tls", "off")
	}
	name = strings.ReplaceAll((&url.URL{Path: name}).EscapedPath(), "@", "%40")
	return "s3://" + o.Host + name + "?" + q.Encode()
}

// service names the other side in errors.
func (o Options) service() string {
	if o.Host == "" {
		return "Amazon (" + o.Region + ")"
	}
	return o.Host
}

// ParseURL reads
//
//	s3://[KEY:SECRET@]HOST[:PORT]/BUCKET[/PREFIX][?region=R&tls=off]
//	s3://[KEY:SECRET@]BUCKET[/PREFIX][?region=R]
//
// where the second form, whose first name has neither a dot nor a port, is at
// Amazon. What is missing is taken from the variables of the environment that
// other programs use: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_SESSION_TOKEN, AWS_REGION, AWS_DEFAULT_REGION. An error names the part
// that is wrong and repeats nothing of the address, in which there are secrets.
func ParseURL(address string, env func(string) string) (o Options, err error) {
	rest, ok := strings.CutPrefix(address, "s3://")
	if !ok {
		return Options{}, errors.New("address of the object service: it must begin with s3://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, name, _ := strings.Cut(rest, "/")
	credentials, host := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		credentials, host = authority[:i], authority[i+1:]
	} else if strings.Contains(rest, "@") || strings.Contains(query, "@") {
		return Options{}, errors.New("credentials of the object service: write / as %2F and ? as %3F in them, and @ as %40 behind them")
	}
	for _, part := range []struct {
		name string
		read func() error
	}{
		{"credentials", func() error { return o.setCredentials(credentials, env) }},
		{"host and bucket", func() error { return o.setPlace(host, name) }},
		{"options", func() error { return o.setQuery(query, env) }},
	} {
		if err := part.read(); err != nil {
			return Options{}, fmt.Errorf("%s of the object service: %w", part.name, err)
		}
	}
	return o, nil
}

func (o *Options) setCredentials(text string, env func(string) string) error {
	if text == "" {
		o.AccessKey, o.SecretKey = Secret(env("AWS_ACCESS_KEY_ID")), Secret(env("AWS_SECRET_ACCESS_KEY"))
		o.Token = Secret(env("AWS_SESSION_TOKEN"))
	} else {
		key, secret, _ := strings.Cut(text, ":")
		key, keyErr := url.PathUnescape(key)
		secret, secretErr := url.PathUnescape(secret)
		if keyErr != nil || secretErr != nil {
			return errors.New("a % must be followed by two hexadecimal digits: write it as %25")
		}
		o.AccessKey, o.SecretKey = Secret(key), Secret(secret)
	}
	if o.AccessKey == "" || o.SecretKey == "" {
		return errors.New("give KEY:SECRET@ before the host, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment")
	}
	return nil
}

// setPlace reads the host, if there is one, the bucket and the prefix.
func (o *Options) setPlace(host, name string) error {
	name, err := url.PathUnescape(name)
	if err != nil {
		return errors.New("a % in the prefix must be followed by two hexadecimal digits: write it as %25")
	}
	if strings.ContainsAny(host, ".:[") {
		if err := checkHost(host); err != nil {
			return err
		}
		o.Host = host
		o.Bucket, o.Prefix, _ = strings.Cut(name, "/")
	} else {
		o.Bucket, o.Prefix = host, name
	}
	if err := s3utils.CheckValidBucketNameStrict(o.Bucket); err != nil {
		return errors.New("the bucket must have 3 to 63 small letters, digits, dots and hyphens (a host without a dot needs a port)")
	}
	o.Prefix = strings.Trim(o.Prefix, "/")
	if o.Prefix != "" && (path.Clean("/"+o.Prefix) != "/"+o.Prefix || !printable(o.Prefix)) {
		return errors.New("the prefix must be names with single slashes between them")
	}
	return nil
}

func checkHost(host string) error {
	name := host
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		h, port, err := net.SplitHostPort(host)
		n, numErr := strconv.ParseUint(port, 10, 16)
		if err != nil || numErr != nil || n == 0 {
			return errors.New("the port must be a number up to 65535")
		}
		name = h
	}
	if net.ParseIP(strings.Trim(name, "[]")) != nil {
		return nil
	}
	odd := func(r rune) bool {
		return r > unicode.MaxASCII || r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}
	if strings.Trim(name, ".-") == "" || strings.ContainsFunc(name, odd) {
		return errors.New("the host must be a name or an IP address")
	}
	return nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (o *Options) setQuery(query string, env func(string) string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("they must have the form region=R&tls=off")
	}
	o.Region = firstOf(values.Get("region"), env("AWS_REGION"), env("AWS_DEFAULT_REGION"))
	if o.Region == "" && o.Host != "" {
		o.Region = "us-east-1" // what most services other than Amazon's call themselves
	}
	if o.Region == "" || strings.ContainsFunc(o.Region, func(r rune) bool { return r != '-' && (r > 'z' || !unicode.IsLetter(r) && !unicode.IsDigit(r)) }) {
		return errors.New("region: name one, such as region=eu-central-1")
	}
	switch tls := values.Get("tls"); {
	case tls == "off" && o.Host != "":
		o.Plain = true
	case tls != "" && tls != "on":
		return errors.New("tls: it can be on, or off for a host of your own")
	}
	values.Del("region")
	values.Del("tls")
	if len(values) > 0 {
		return errors.New("only region and tls are known")
	}
	return nil
}

func firstOf(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}
