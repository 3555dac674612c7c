package config

import (
	"fmt"
	"io"
	"reflect"
	"sort"
	"strings"
)

// WriteReference writes a configuration file with every key, its meaning and
// its default, commented out where a default is right for most.
func WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Every key of tem.toml with its default. Six lines are enough:\n#\n")
	b.WriteString("#   hostname = \"mail.example.com\"\n#   data = \"/var/lib/tem\"\n#\n#   [tls]\n#   cert = \"fullchain.pem\"\n#   key = \"privkey.pem\"\n\n")
	writeTable(&b, "", reflect.ValueOf(Default()))
	_, err := io.WriteString(w, b.String())
	return err
}

// writeTable writes the keys of one struct, then its tables.
func writeTable(b *strings.Builder, prefix string, v reflect.Value) {
	var tables []int
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if _, value := v.Field(i).Interface().(fmt.Stringer); !value && f.Type.Kind() == reflect.Struct {
			tables = append(tables, i)
			continue
		}
		fmt.Fprintf(b, "# %s\n# %s = %s\n", f.Tag.Get("doc"), f.Tag.Get("toml"), literal(v.Field(i)))
	}
	for _, i := range tables {
		f := v.Type().Field(i)
		name := strings.TrimPrefix(prefix+"."+f.Tag.Get("toml"), ".")
		fmt.Fprintf(b, "\n# %s\n[%s]\n", f.Tag.Get("doc"), name)
		writeTable(b, name, v.Field(i))
	}
}

// literal is a value as TOML writes it.
func literal(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return fmt.Sprintf("%q", s.String())
	}
	switch v.Kind() {
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		parts := make([]string, 0, v.Len())
		for _, k := range v.MapKeys() {
			parts = append(parts, fmt.Sprintf("%q = %s", k.String(), literal(v.MapIndex(k))))
		}
		sort.Strings(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v.Interface())
}
