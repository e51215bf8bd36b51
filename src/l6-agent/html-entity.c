/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* html-entity - character references: the names of HTML 4 that occur, and numbers (L6). */
#include "l6-agent/html-token.h"

#include "base/number.h"
#include "base/utf8.h"

#include <string.h>

enum { NAME_BYTES_MAX = 8, LATIN_FIRST = 160 };

/* U+00A0 to U+00FF in order. */
static const char *const latin[] = {
	"nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
	"copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
	"sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
	"raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
	"Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
	"Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
	"Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
	"szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
	"egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
	"ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
	"uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml",
};
_Static_assert(sizeof(latin) / sizeof(latin[0]) == 96, "one name for each of Latin-1");

static const struct {
	const char *name;
	unsigned code;
} others[] = {
	{ "amp", '&' },       { "lt", '<' },        { "gt", '>' },        { "quot", '"' },
	{ "apos", '\'' },     { "hellip", 0x2026 }, { "mdash", 0x2014 },  { "ndash", 0x2013 },
	{ "lsquo", 0x2018 },  { "rsquo", 0x2019 },  { "sbquo", 0x201A },  { "ldquo", 0x201C },
	{ "rdquo", 0x201D },  { "bdquo", 0x201E },  { "bull", 0x2022 },   { "euro", 0x20AC },
	{ "trade", 0x2122 },  { "dagger", 0x2020 }, { "Dagger", 0x2021 }, { "permil", 0x2030 },
	{ "lsaquo", 0x2039 }, { "rsaquo", 0x203A }, { "prime", 0x2032 },  { "Prime", 0x2033 },
	{ "larr", 0x2190 },   { "uarr", 0x2191 },   { "rarr", 0x2192 },   { "darr", 0x2193 },
	{ "harr", 0x2194 },   { "rArr", 0x21D2 },   { "hArr", 0x21D4 },   { "minus", 0x2212 },
	{ "infin", 0x221E },  { "asymp", 0x2248 },  { "ne", 0x2260 },     { "le", 0x2264 },
	{ "ge", 0x2265 },     { "sum", 0x2211 },    { "radic", 0x221A },  { "part", 0x2202 },
	{ "alpha", 0x3B1 },   { "beta", 0x3B2 },    { "gamma", 0x3B3 },   { "delta", 0x3B4 },
	{ "Delta", 0x394 },   { "epsilon", 0x3B5 }, { "lambda", 0x3BB },  { "mu", 0x3BC },
	{ "pi", 0x3C0 },      { "sigma", 0x3C3 },   { "Omega", 0x3A9 },   { "omega", 0x3C9 },
	{ "theta", 0x3B8 },   { "phi", 0x3C6 },     { "OElig", 0x152 },   { "oelig", 0x153 },
	{ "Scaron", 0x160 },  { "scaron", 0x161 },  { "Yuml", 0x178 },    { "fnof", 0x192 },
	{ "circ", 0x2C6 },    { "tilde", 0x2DC },   { "ensp", ' ' },      { "emsp", ' ' },
	{ "thinsp", ' ' },    { "zwnj", 0x200C },   { "zwj", 0x200D },    { "hearts", 0x2665 },
	{ "check", 0x2713 },  { "star", 0x2606 },   { "times", 0xD7 },
};

/* What people mean by &#128; to &#159;: windows-1252. 0 stays what it is. */
static const unsigned short windows[32] = {
	0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
	0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
	0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

static unsigned find_name(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strlen(others[i].name) == length && memcmp(others[i].name, name, length) == 0)
			return others[i].code;
	for (size_t i = 0; i < sizeof(latin) / sizeof(latin[0]); i++)
		if (strlen(latin[i]) == length && memcmp(latin[i], name, length) == 0)
			return LATIN_FIRST + (unsigned)i;
	return 0;
}

static int digit_value(char c, unsigned base)
{
	int digit = number_hex_digit(c);

	return digit < (int)base ? digit : -1;
}

/* "#233" or "#xE9" at text; returns the bytes it takes, 0 when it is no number. */
static size_t read_number(const char *text, size_t length, unsigned *ret)
{
	unsigned base = length > 1 && (text[1] | 0x20) == 'x' ? 16 : 10, code = 0;
	size_t first = base == 16 ? 2 : 1, at = first;

	for (; at < length; at++) {
		int digit = digit_value(text[at], base);

		if (digit < 0)
			break;
		code = code > 0x110000 ? code : code * base + (unsigned)digit;
	}
	if (at == first)
		return 0;
	if (code >= 0x80 && code <= 0x9F && windows[code - 0x80])
		code = windows[code - 0x80];
	*ret = code == 0 ? 0xFFFD : code;
	return at;
}

/* The reference behind an "&"; returns its bytes without the ";", 0 when there is none. */
static size_t read_reference(const char *text, size_t length, unsigned *ret)
{
	size_t n = 0;

	if (length > 1 && text[0] == '#')
		return read_number(text, length, ret);
	while (n < length && n <= NAME_BYTES_MAX &&
	       ((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z' ? true
								   : digit_value(text[n], 10) >= 0))
		n++;
	if (n == length || text[n] != ';')
		return 0; /* "&copy=1" in a URL is no reference */
	*ret = find_name(text, n);
	return *ret ? n : 0;
}

int html_unescape(struct buf *out, const char *text, size_t length)
{
	int r = 0;

	while (length > 0 && r >= 0) {
		const char *ampersand = memchr(text, '&', length);
		size_t n = ampersand ? (size_t)(ampersand - text) : length, used;
		unsigned code = 0;

		r = buf_add(out, text, n);
		text += n;
		length -= n;
		if (r < 0 || length == 0)
			return r;
		used = read_reference(text + 1, length - 1, &code);
		if (used == 0) {
			r = buf_add_char(out, '&');
			used = 0;
		} else {
			r = utf8_add_code(out, code);
			used += used + 1 < length && text[1 + used] == ';';
		}
		text += used + 1;
		length -= used + 1;
	}
	return r;
}
