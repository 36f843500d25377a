// Package casehook is the top of the module and holds no code of its own.
//
// casehook keeps telehealth cases and tells every system that needs to know of each change: in
// order, signed, and with nothing lost. Who receives its webhooks, in Go, starts with two packages
// that need only the standard library:
//
//   - [github.com/casehook/casehook/caseupdate] is the wire format: the 19 events, the case, and
//     how to parse and marshal them.
//   - [github.com/casehook/casehook/webhook] signs webhooks and verifies them.
//
// The server is the command github.com/casehook/casehook/cmd/casehook. Who works on it finds the
// order of its packages in house_test.go, which keeps their imports one-way.
package casehook
