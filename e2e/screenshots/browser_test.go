package screenshots_test

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// font is in the place of the system's own, so that a picture looks the same wherever it is
// made, and much as the page does on most systems.
const font = "Inter"

// take makes all pictures.
func take(t *testing.T, c *clinic) {
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "install it (Debian: apt-get install chromium)")
	found, err := exec.Command("fc-list", font).Output()
	require.NoError(t, err)
	require.NotEmpty(t, found, "install the font %s (Debian: apt-get install fonts-inter)", font)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-lcd-text", true), chromedp.Flag("hide-scrollbars", true))
	allocator, endAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	defer endAllocator()
	browser, endBrowser := chromedp.NewContext(allocator)
	defer endBrowser()

	require.NoError(t, chromedp.Do(browser, chromedp.Navigate(c.url+"/login"), chromedp.SendKeys("#key", c.key+"\r"), chromedp.WaitVisible(".account .who")))
	for _, p := range pictures {
		taken, err := png.Decode(bytes.NewReader(p.take(t, browser, c)))
		require.NoError(t, err, p.name)
		file, err := os.Create(filepath.Join(folder, p.name+".png"))
		require.NoError(t, err)
		require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(file, fewColours(taken)), p.name)
		require.NoError(t, file.Close())
	}
}

// take returns the picture as Chromium makes it.
func (p picture) take(t *testing.T, browser context.Context, c *clinic) []byte {
	screen := emulation.SetDeviceMetricsOverrideParams{Width: cmp.Or(p.width, 1280), Height: cmp.Or(p.height, 800), DeviceScaleFactor: 1.5}
	_, err := chromedp.Call(browser, emulation.SetDeviceMetricsOverride, screen)
	require.NoError(t, err)
	prefers := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: cmp.Or(p.theme, "light")}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	_, err = chromedp.Call(browser, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: prefers})
	require.NoError(t, err)
	path := strings.NewReplacer(c.places...).Replace(p.path)
	require.NoError(t, chromedp.Do(browser, chromedp.Navigate(c.url+path), chromedp.WaitVisible("main h1")), p.name)
	inFont := chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontFamily = "` + font + `"`)
	require.NoError(t, chromedp.Do(browser, inFont), p.name)
	if p.reveal {
		require.NoError(t, chromedp.Do(browser, chromedp.Click(`//button[.="Show patient data"]`), chromedp.WaitVisible(`//a[.="Hide patient data"]`)), p.name)
	}
	if p.until != "" {
		require.NoError(t, chromedp.Do(browser, chromedp.WaitVisible(p.until)), p.name)
	}
	taken, err := chromedp.Run(browser, chromedp.CaptureScreenshot())
	require.NoError(t, err, p.name)
	return taken
}

// alike is how near two colours are of which a picture needs one: the square of their distance,
// in 256ths.
const alike = 64

// fewColours returns a picture in 256 colours: those that it has most of and that are not alike.
// The others, which are on the edges of letters, become the nearest of those.
func fewColours(taken image.Image) *image.Paletted {
	bounds := taken.Bounds()
	counts := make(map[color.RGBA]int)
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(taken.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[at(x, y)]++
		}
	}
	var known []color.RGBA
	for c := range counts {
		known = append(known, c)
	}
	slices.SortFunc(known, func(a, b color.RGBA) int { return counts[b] - counts[a] })
	var palette color.Palette
	for _, c := range known {
		if len(palette) < 256 && !slices.ContainsFunc(palette, func(other color.Color) bool { return distance(c, other.(color.RGBA)) < alike }) {
			palette = append(palette, c)
		}
	}
	nearest := make(map[color.RGBA]uint8, len(known))
	for _, c := range known {
		nearest[c] = uint8(palette.Index(c))
	}
	few := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			few.SetColorIndex(x, y, nearest[at(x, y)])
		}
	}
	return few
}

func distance(a, b color.RGBA) int {
	red, green, blue := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return red*red + green*green + blue*blue
}
