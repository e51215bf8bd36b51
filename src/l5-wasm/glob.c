/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/glob.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdint.h>

enum { PATTERN_BYTES_MAX = 1024, PARTS_MAX = 128, NESTING_MAX = 16 };

/* One alternative: its parts between slashes, one after the other, each with a NUL behind it. */
struct alternative {
	char *text;
	const char *parts[PARTS_MAX];
	size_t n_parts;
	bool directories_only;
};

struct glob {
	struct alternative *alternatives[GLOB_ALTERNATIVES_MAX];
	size_t n_alternatives;
};

DEFINE_CLEANUP(struct glob *, glob_free)

/* ---- matching ---- */

/* The code points of a class ("a-z", negated by ! or ^ in front); *at is behind the [. */
static bool match_class(const char **at, const char *c, size_t n_c)
{
	bool negated = **at == '!' || **at == '^', found = false, first = true;

	*at += negated;
	while (**at != '\0' && (first || **at != ']')) {
		size_t n_low, n_high;
		const char *low, *high;

		*at += **at == '\\' && (*at)[1] != '\0';
		low = high = *at;
		n_low = utf8_next(low, strlen(low));
		n_low = n_high = n_low > 0 ? n_low : 1;
		*at += n_low;
		if (**at == '-' && (*at)[1] != ']' && (*at)[1] != '\0') {
			high = *at + 1;
			n_high = utf8_next(high, strlen(high));
			n_high = n_high > 0 ? n_high : 1;
			*at = high + n_high;
		}
		/* UTF-8 sorts as its code points do, longer forms behind shorter ones. */
		if ((n_c > n_low || (n_c == n_low && memcmp(c, low, n_c) >= 0)) &&
		    (n_c < n_high || (n_c == n_high && memcmp(c, high, n_c) <= 0)))
			found = true;
		first = false;
	}
	*at += **at == ']';
	return found != negated;
}

/* One element of a part that is not a star; moves both on when it fits. */
static bool match_one(const char **pattern, const char **text, size_t left)
{
	size_t n = utf8_next(*text, left);
	const char *at = *pattern;

	if (left == 0)
		return false;
	n = n > 0 ? n : 1;
	if (*at == '?') {
		at++;
	} else if (*at == '[') {
		at++;
		if (!match_class(&at, *text, n))
			return false;
	} else {
		at += *at == '\\' && at[1] != '\0';
		if (*at == '\0' || *at != **text)
			return false;
		at++;
		n = 1;
	}
	*pattern = at;
	*text += n;
	return true;
}

/* The part against one name: after a mismatch the last star takes one byte more. */
static bool match_part(const char *pattern, const char *name, size_t length)
{
	const char *end = name + length, *star = NULL, *star_name = NULL;

	while (name < end || *pattern != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			star_name = name;
		} else if (!match_one(&pattern, &name, (size_t)(end - name))) {
			if (!star || star_name == end)
				return false;
			pattern = star;
			name = ++star_name;
		}
	}
	return true;
}

static bool is_any_depth(const char *part)
{
	return strcmp(part, "**") == 0;
}

/* The same over the names of a path, ** being the star. */
static bool match_path(const struct alternative *alternative, const char *path)
{
	size_t i = 0, star = SIZE_MAX;
	const char *star_path = NULL;

	while (*path != '\0' || i < alternative->n_parts) {
		size_t length = strcspn(path, "/");

		if (i < alternative->n_parts && is_any_depth(alternative->parts[i])) {
			star = ++i;
			star_path = path;
			/* At the end it stands for at least one name. */
			if (i == alternative->n_parts && *path == '\0')
				return false;
		} else if (*path != '\0' && i < alternative->n_parts &&
			   match_part(alternative->parts[i], path, length)) {
			i++;
			path += length + (path[length] == '/');
		} else {
			if (star == SIZE_MAX || *star_path == '\0')
				return false;
			length = strcspn(star_path, "/");
			star_path += length + (star_path[length] == '/');
			path = star_path;
			i = star;
		}
	}
	return true;
}

bool glob_match(const struct glob *glob, const char *path, bool is_directory)
{
	for (size_t i = 0; i < glob->n_alternatives; i++)
		if ((is_directory || !glob->alternatives[i]->directories_only) &&
		    match_path(glob->alternatives[i], path))
			return true;
	return false;
}

/* ---- compiling ---- */

static int add_alternative(struct glob *glob, const char *pattern, size_t length, struct error *err)
{
	struct alternative *alternative;
	bool anywhere;
	char *at, *part;

	if (glob->n_alternatives == GLOB_ALTERNATIVES_MAX)
		return FAIL(err, -EINVAL, "the pattern has more than %d alternatives",
			    GLOB_ALTERNATIVES_MAX);
	alternative = calloc(1, sizeof(*alternative));
	if (!alternative)
		return -ENOMEM;
	glob->alternatives[glob->n_alternatives++] = alternative;
	alternative->directories_only = length > 0 && pattern[length - 1] == '/';
	while (length > 0 && pattern[length - 1] == '/')
		length--;
	anywhere = !memchr(pattern, '/', length);
	alternative->text = strndup(pattern, length);
	if (!alternative->text)
		return -ENOMEM;
	if (anywhere)
		alternative->parts[alternative->n_parts++] = "**";
	at = alternative->text;
	while ((part = strsep(&at, "/"))) {
		bool repeated = alternative->n_parts > 0 && is_any_depth(part) &&
				is_any_depth(alternative->parts[alternative->n_parts - 1]);

		if (*part == '\0' || strcmp(part, ".") == 0 || repeated)
			continue;
		if (strcmp(part, "..") == 0)
			return FAIL(err, -EINVAL,
				    "the pattern has \"..\" in it: give the directory as path");
		if (alternative->n_parts == PARTS_MAX)
			return FAIL(err, -EINVAL, "the pattern has more than %d parts", PARTS_MAX);
		alternative->parts[alternative->n_parts++] = part;
	}
	return 0;
}

/* The } that belongs to the { at open, and whether there is a comma between them. */
static const char *closing(const char *open, const char *end, bool *ret_comma)
{
	size_t depth = 0;

	*ret_comma = false;
	for (const char *at = open; at < end; at++) {
		if (*at == '\\' && at + 1 < end)
			at++;
		else if (*at == '{')
			depth++;
		else if (*at == '}' && --depth == 0)
			return at;
		else if (*at == ',' && depth == 1)
			*ret_comma = true;
	}
	return NULL;
}

/* The first { that starts a list of alternatives. */
static const char *find_list(const char *pattern, const char *end, const char **ret_close)
{
	for (const char *at = pattern; at < end; at++) {
		bool comma;

		if (*at == '\\' && at + 1 < end) {
			at++;
		} else if (*at == '{') {
			*ret_close = closing(at, end, &comma);
			if (*ret_close && comma)
				return at;
		}
	}
	return NULL;
}

static int expand(struct glob *glob, const char *pattern, size_t length, unsigned depth,
		  struct error *err)
{
	const char *end = pattern + length, *close = NULL;
	const char *open = find_list(pattern, end, &close), *at;

	if (!open)
		return add_alternative(glob, pattern, length, err);
	if (depth == NESTING_MAX)
		return FAIL(err, -EINVAL, "the pattern has more than %d lists in braces",
			    NESTING_MAX);
	at = open + 1;
	while (at <= close) {
		auto_buf struct buf one = BUF(PATTERN_BYTES_MAX);
		const char *stop = at;
		size_t inner = 0;
		int r;

		while (stop < close && !(*stop == ',' && inner == 0)) {
			inner += *stop == '{';
			inner -= *stop == '}' && inner > 0;
			stop += *stop == '\\' && stop + 1 < close ? 2 : 1;
		}
		r = buf_add(&one, pattern, (size_t)(open - pattern));
		if (r == 0)
			r = buf_add(&one, at, (size_t)(stop - at));
		if (r == 0)
			r = buf_add(&one, close + 1, (size_t)(end - close - 1));
		if (r == 0)
			r = expand(glob, buf_string(&one), one.length, depth + 1, err);
		if (r < 0)
			return r;
		at = stop + 1;
	}
	return 0;
}

int glob_compile(const char *pattern, struct glob **ret, struct error *err)
{
	CLEANUP(glob_free_ptr) struct glob *glob = calloc(1, sizeof(*glob));
	size_t length = strlen(pattern);
	int r;

	if (!glob)
		return -ENOMEM;
	if (length == 0 || length > PATTERN_BYTES_MAX)
		return FAIL(err, -EINVAL, "the pattern must have 1 to %d bytes", PATTERN_BYTES_MAX);
	r = expand(glob, pattern, length, 0, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(glob);
	return 0;
}

void glob_free(struct glob *glob)
{
	if (!glob)
		return;
	for (size_t i = 0; i < glob->n_alternatives; i++) {
		free(glob->alternatives[i]->text);
		free(glob->alternatives[i]);
	}
	free(glob);
}
