// Package smtp is the language of RFC 5321: commands, replies, and the engine
// for either end.
package smtp
