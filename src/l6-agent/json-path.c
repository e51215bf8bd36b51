/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/json-path.h"

#include "base/cleanup.h"
#include "base/nearest.h"
#include "base/number.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

enum { PATH_BYTES_MAX = 4096, NAMES_MAX = 256, SHOWN_KEYS_BYTES = 80, INDEX_DIGITS_MAX = 9 };

struct step {
	enum { STEP_KEY, STEP_INDEX, STEP_ALL } kind;
	size_t key, key_length; /* in the keys buffer */
	int64_t index;
	size_t end; /* of the step in the path's text, for messages */
};

struct path {
	const char *text;
	bool is_pointer;
	struct step steps[JSON_PATH_STEPS_MAX];
	size_t n_steps;
	struct buf keys;
};

/* ---- reading the path ---- */

static struct step *new_step(struct path *path, struct error *err)
{
	if (path->n_steps == JSON_PATH_STEPS_MAX) {
		(void)FAIL(err, -EINVAL, "the path has more than %d steps", JSON_PATH_STEPS_MAX);
		return NULL;
	}
	return &path->steps[path->n_steps++];
}

static int bad(const struct path *path, const char *at, const char *what, struct error *err)
{
	return FAIL(err, -EINVAL,
		    "the path \"%.60s\" is not valid at byte %zu: %s. Forms: a.b[0].c or /a/b/0/c",
		    path->text, (size_t)(at - path->text), what);
}

/* "/a~1b/0": ~1 is a slash, ~0 a tilde. */
static int read_pointer(struct path *path, struct error *err)
{
	const char *at = path->text;

	path->is_pointer = true;
	while (*at == '/') {
		struct step *step = new_step(path, err);
		int r = 0;

		if (!step)
			return -EINVAL;
		step->kind = STEP_KEY;
		step->key = path->keys.length;
		for (at++; r == 0 && *at != '\0' && *at != '/'; at++) {
			char c = *at;

			if (c == '~') {
				at++;
				if (*at != '0' && *at != '1')
					return bad(path, at, "~ is written ~0, / is written ~1",
						   err);
				c = *at == '0' ? '~' : '/';
			}
			r = buf_add_char(&path->keys, c);
		}
		if (r < 0)
			return r;
		step->key_length = path->keys.length - step->key;
		step->end = (size_t)(at - path->text);
	}
	return 0;
}

/* A key in quotes; *at is at the first quote and is moved behind the last. */
static int read_quoted(struct path *path, struct step *step, const char **at, struct error *err)
{
	char quote = **at;
	int r = 0;

	step->kind = STEP_KEY;
	step->key = path->keys.length;
	for (++*at; r == 0 && **at != quote; ++*at) {
		if (**at == '\\')
			++*at;
		if (**at == '\0')
			return bad(path, *at, "the quoted key has no end", err);
		r = buf_add_char(&path->keys, **at);
	}
	++*at;
	step->key_length = path->keys.length - step->key;
	return r;
}

/* [0] [-1] [*] ["key"]; *at is behind the bracket. */
static int read_bracket(struct path *path, const char **at, struct error *err)
{
	struct step *step = new_step(path, err);
	char digits[INDEX_DIGITS_MAX + 2];
	size_t n;
	int r = 0;

	if (!step)
		return -EINVAL;
	*at += strspn(*at, " ");
	n = strspn(*at, "-0123456789");
	if (**at == '"' || **at == '\'') {
		r = read_quoted(path, step, at, err);
	} else if (**at == '*') {
		step->kind = STEP_ALL;
		++*at;
	} else if (n > 0 && n < sizeof(digits)) {
		memcpy(digits, *at, n);
		digits[n] = '\0';
		step->kind = STEP_INDEX;
		if (number_parse_i64(digits, INT32_MIN, INT32_MAX, &step->index) < 0)
			return bad(path, *at, "wanted an index", err);
		*at += n;
	} else {
		return bad(path, *at, "wanted an index, * or a key in quotes between the brackets",
			   err);
	}
	if (r < 0)
		return r;
	*at += strspn(*at, " ");
	if (**at != ']')
		return bad(path, *at, "a bracket is not closed", err);
	++*at;
	step->end = (size_t)(*at - path->text);
	return 0;
}

static int read_name(struct path *path, const char **at, struct error *err)
{
	struct step *step = new_step(path, err);
	size_t n = strcspn(*at, ".[");
	int r;

	if (!step)
		return -EINVAL;
	if (n == 0)
		return bad(path, *at, "a name is missing", err);
	step->kind = n == 1 && **at == '*' ? STEP_ALL : STEP_KEY;
	step->key = path->keys.length;
	step->key_length = n;
	r = buf_add(&path->keys, *at, n);
	*at += n;
	step->end = (size_t)(*at - path->text);
	return r;
}

static int read_dotted(struct path *path, struct error *err)
{
	const char *at = path->text;
	int r = 0;

	if (*at == '$')
		at++;
	if (*at == '.' && at[1] != '.')
		at++;
	else if (*at != '\0' && *at != '[' && at != path->text)
		return bad(path, at, "behind $ comes . or [", err);
	while (r == 0 && *at != '\0') {
		if (*at == '[') {
			at++;
			r = read_bracket(path, &at, err);
		} else {
			r = read_name(path, &at, err);
		}
		if (r == 0 && *at == '.') {
			at++;
			if (*at == '\0')
				return bad(path, at, "a name is missing", err);
		}
	}
	return r;
}

/* ---- walking ---- */

struct walk {
	const struct path *path;
	json_path_sink_fn sink;
	void *data;
	size_t found;
	struct error *err;
};

static const char *type_name(yyjson_val *value)
{
	return yyjson_is_obj(value)    ? "an object"
	       : yyjson_is_arr(value)  ? "a list"
	       : yyjson_is_str(value)  ? "a string"
	       : yyjson_is_null(value) ? "null"
	       : yyjson_is_bool(value) ? "a boolean"
				       : "a number";
}

/* The path in front of a step as it was written; "" is the document. */
static int before(const struct walk *walk, size_t step)
{
	return step == 0 ? 0 : (int)walk->path->steps[step - 1].end;
}

static int no_key(struct walk *walk, yyjson_val *object, size_t n_step, const char *key)
{
	const char *names[NAMES_MAX], *near;
	char list[SHOWN_KEYS_BYTES] = "";
	yyjson_val *name, *member;
	size_t i, n, count = 0, used = 0;

	yyjson_obj_foreach(object, i, n, name, member)
	{
		(void)member;
		if (count == NAMES_MAX)
			break;
		names[count++] = yyjson_get_str(name);
		if (used + yyjson_get_len(name) + 3 < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
						 used > 0 ? ", " : "", yyjson_get_str(name));
	}
	near = nearest_name(key, names, count);
	if (near)
		return FAIL(walk->err, -ENOENT,
			    "there is no \"%.40s\" in %.*s. Did you mean \"%.40s\"?", key,
			    n_step == 0 ? 12 : before(walk, n_step),
			    n_step == 0 ? "the document" : walk->path->text, near);
	return FAIL(walk->err, -ENOENT, "there is no \"%.40s\" in %.*s%s%s", key,
		    n_step == 0 ? 12 : before(walk, n_step),
		    n_step == 0 ? "the document" : walk->path->text,
		    used > 0 ? "; its keys are " : ", which is empty", list);
}

static int wrong_type(struct walk *walk, yyjson_val *value, size_t n_step, const char *wanted)
{
	return FAIL(walk->err, -ENOENT, "%.*s is %s, not %s",
		    n_step == 0 ? 12 : before(walk, n_step),
		    n_step == 0 ? "the document" : walk->path->text, type_name(value), wanted);
}

static int visit(struct walk *walk, yyjson_val *value, size_t n_step);

static int visit_index(struct walk *walk, yyjson_val *list, size_t n_step, int64_t index)
{
	int64_t size = (int64_t)yyjson_arr_size(list), at = index < 0 ? size + index : index;

	if (at < 0 || at >= size)
		return FAIL(walk->err, -ENOENT,
			    "there is no element %lld in %.*s: it has %lld elements, from 0",
			    (long long)index, n_step == 0 ? 12 : before(walk, n_step),
			    n_step == 0 ? "the document" : walk->path->text, (long long)size);
	return visit(walk, yyjson_arr_get(list, (size_t)at), n_step + 1);
}

static int visit_key(struct walk *walk, yyjson_val *value, size_t n_step)
{
	const struct step *step = &walk->path->steps[n_step];
	char key[PATH_BYTES_MAX];
	yyjson_val *member;
	int64_t index;

	memcpy(key, buf_string(&walk->path->keys) + step->key, step->key_length);
	key[step->key_length] = '\0';
	/* A number names an element of a list in both forms: a.0 and /a/0. */
	if (yyjson_is_arr(value) && step->key_length <= INDEX_DIGITS_MAX &&
	    number_parse_i64(key, 0, INT32_MAX, &index) == 0)
		return visit_index(walk, value, n_step, index);
	if (!yyjson_is_obj(value))
		return wrong_type(walk, value, n_step, "an object");
	member = yyjson_obj_getn(value, key, step->key_length);
	return member ? visit(walk, member, n_step + 1) : no_key(walk, value, n_step, key);
}

/* What does not fit behind a wildcard is left out; with nothing left it is an empty list. */
static int visit_one_of_many(struct walk *walk, yyjson_val *value, size_t n_step)
{
	struct error *err = walk->err;
	int r;

	walk->err = NULL;
	r = visit(walk, value, n_step + 1);
	walk->err = err;
	if (r == -E2BIG)
		return FAIL(err, r, "the path matches more than %d values", JSON_PATH_VALUES_MAX);
	return r == -ENOENT ? 0 : r;
}

static int visit_all(struct walk *walk, yyjson_val *value, size_t n_step)
{
	yyjson_val *key, *inner;
	size_t i, n;
	int r = 0;

	if (!yyjson_is_ctn(value))
		return wrong_type(walk, value, n_step, "a list or an object");
	if (yyjson_is_arr(value)) {
		yyjson_arr_foreach(value, i, n, inner)
		{
			r = visit_one_of_many(walk, inner, n_step);
			if (r < 0)
				return r;
		}
		return 0;
	}
	yyjson_obj_foreach(value, i, n, key, inner)
	{
		(void)key;
		r = visit_one_of_many(walk, inner, n_step);
		if (r < 0)
			return r;
	}
	return 0;
}

static int visit(struct walk *walk, yyjson_val *value, size_t n_step)
{
	const struct step *step = &walk->path->steps[n_step];

	if (n_step == walk->path->n_steps) {
		if (walk->found++ == JSON_PATH_VALUES_MAX)
			return FAIL(walk->err, -E2BIG, "the path matches more than %d values",
				    JSON_PATH_VALUES_MAX);
		return walk->sink(value, walk->data);
	}
	switch (step->kind) {
	case STEP_ALL:
		return visit_all(walk, value, n_step);
	case STEP_INDEX:
		return yyjson_is_arr(value) ? visit_index(walk, value, n_step, step->index)
					    : wrong_type(walk, value, n_step, "a list");
	case STEP_KEY:
		break;
	}
	return visit_key(walk, value, n_step);
}

static void path_fini(struct path *path)
{
	buf_free(&path->keys);
}

int json_path_find(yyjson_val *root, const char *text, json_path_sink_fn sink, void *data,
		   bool *ret_many, struct error *err)
{
	CLEANUP(path_fini) struct path path = { .text = text, .keys = BUF(PATH_BYTES_MAX) };
	struct walk walk = { .path = &path, .sink = sink, .data = data, .err = err };
	int r;

	assert(root && text && sink);
	if (strlen(text) >= PATH_BYTES_MAX)
		return FAIL(err, -EINVAL, "the path is longer than %d bytes", PATH_BYTES_MAX - 1);
	r = text[0] == '/' ? read_pointer(&path, err) : read_dotted(&path, err);
	if (r < 0)
		return r;
	*ret_many = false;
	for (size_t i = 0; i < path.n_steps; i++)
		*ret_many |= path.steps[i].kind == STEP_ALL;
	return visit(&walk, root, 0);
}
