package caseupdate

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// MaxAmount is the largest amount, 999,999,999,999.99: far below 2^53 minor
// units, so every JavaScript receiver holds and prints it exactly.
const MaxAmount Amount = 99_999_999_999_999

// Amount is money in minor units (cents). On the wire it is a JSON number in
// major units, printed as JavaScript prints it: 15950 is 159.5.
type Amount int64

// String returns a in major units: "159.5".
func (a Amount) String() string {
	sign, n := "", int64(a)
	if n < 0 {
		sign, n = "-", -n
	}
	s := sign + strconv.FormatInt(n/100, 10)
	if cents := n % 100; cents != 0 {
		s += "." + strings.TrimSuffix(strconv.FormatInt(100+cents, 10)[1:], "0")
	}
	return s
}

// MarshalJSON writes a as a number in major units.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a < -MaxAmount || a > MaxAmount {
		return nil, errAmount
	}
	return []byte(a.String()), nil
}

// UnmarshalJSON reads a number in major units, exactly: more than two decimal
// places, or more than [MaxAmount], is an error.
func (a *Amount) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		return nil
	}
	// The length bounds the work that an exponent can ask of big.Rat.
	if len(s) > 32 || strings.ContainsAny(s, `"/xXpP_`) || hugeExponent(s) {
		return errAmount
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return errAmount
	}
	r.Mul(r, big.NewRat(100, 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return errAmount
	}
	minor := Amount(r.Num().Int64())
	if minor < -MaxAmount || minor > MaxAmount {
		return errAmount
	}
	*a = minor
	return nil
}

// hugeExponent reports whether s is written with an exponent of more than two
// digits, which no amount needs.
func hugeExponent(s string) bool {
	i := strings.IndexAny(s, "eE")
	return i >= 0 && len(strings.TrimLeft(s[i+1:], "+-0")) > 2
}

var errAmount = errors.New("caseupdate: an amount must be a number of at most two decimal places, up to 999999999999.99")
