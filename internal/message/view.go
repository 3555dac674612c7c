package message

import (
	"io"
	"sort"
)

// View is a message that is put together of pieces.
type View struct {
	pieces []*io.SectionReader
	ends   []int64 // of each piece in the whole
}

var _ io.ReaderAt = (*View)(nil)

func (v *View) add(piece *io.SectionReader) {
	if piece.Size() > 0 {
		v.ends = append(v.ends, v.Size()+piece.Size())
		v.pieces = append(v.pieces, piece)
	}
}

// Size is how many octets there are.
func (v *View) Size() int64 {
	if len(v.ends) == 0 {
		return 0
	}
	return v.ends[len(v.ends)-1]
}

// ReadAt reads from anywhere (io.ReaderAt).
func (v *View) ReadAt(p []byte, off int64) (n int, err error) {
	for i := sort.Search(len(v.ends), func(i int) bool { return v.ends[i] > off }); i < len(v.pieces) && n < len(p); i++ {
		piece := v.pieces[i]
		from := off + int64(n) - (v.ends[i] - piece.Size())
		want := min(int64(len(p)-n), piece.Size()-from)
		got, err := piece.ReadAt(p[n:n+int(want)], from)
		n += got
		if int64(got) < want {
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
