//go:build linux || darwin

package app

import "syscall"

// hasRoom reports that the disk under dir can take so many octets and still
// have some free. A disk that does not tell is taken to have room: the write
// itself will say.
func hasRoom(dir string, octets, free int64) bool {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return true
	}
	available := int64(s.Bavail) * int64(s.Bsize)
	return available-octets >= free
}
