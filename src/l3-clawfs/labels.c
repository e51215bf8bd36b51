/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/labels.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

struct label {
	const char *text;
	size_t length;
};

static bool is_label(const char *text, size_t length)
{
	if (length == 0 || length > LABEL_BYTES)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    !(c && strchr(":_./-", c)))
			return false;
	}
	return true;
}

bool label_is_valid(const char *label)
{
	return is_label(label, strnlen(label, LABEL_BYTES + 1));
}

static int compare(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	size_t shorter = x->length < y->length ? x->length : y->length;
	int order = memcmp(x->text, y->text, shorter);

	return order ? order : (x->length > y->length) - (x->length < y->length);
}

static int write_set(struct label *labels, size_t n, char **ret, struct error *err)
{
	auto_buf struct buf text = BUF((LABEL_BYTES + 3) * LABELS_MAX + 2);
	size_t kept = 0;
	int r = buf_add_char(&text, '[');

	qsort(labels, n, sizeof(labels[0]), compare);
	for (size_t i = 0; i < n && r >= 0; i++) {
		if (i > 0 && compare(&labels[i], &labels[i - 1]) == 0)
			continue;
		if (++kept > LABELS_MAX)
			return FAIL(err, -EINVAL, "a document has at most %d labels", LABELS_MAX);
		r = buf_printf(&text, "%s\"%.*s\"", kept > 1 ? "," : "", (int)labels[i].length,
			       labels[i].text);
	}
	if (r >= 0)
		r = buf_add_char(&text, ']');
	if (r < 0)
		return FAIL(err, r, "out of memory");
	*ret = buf_take(&text);
	return 0;
}

int labels_make(const char *const *labels, size_t n, char **ret, struct error *err)
{
	struct label all[LABELS_MAX];

	if (n > LABELS_MAX)
		return FAIL(err, -EINVAL, "a document has at most %d labels", LABELS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (!label_is_valid(labels[i]))
			return FAIL(err, -EINVAL,
				    "a label is 1 to %d of a-z 0-9 : _ . / - and nothing else",
				    LABEL_BYTES);
		all[i] = (struct label){ labels[i], strlen(labels[i]) };
	}
	return write_set(all, n, ret, err);
}

bool labels_next(const char *set, const char **at, const char **ret, size_t *ret_length)
{
	const char *begin = strchr(*at ? *at : set, '"'),
		   *end = begin ? strchr(begin + 1, '"') : NULL;

	if (!end)
		return false;
	*ret = begin + 1;
	*ret_length = (size_t)(end - begin - 1);
	*at = end + 1;
	return true;
}

int labels_merge(const char *a, const char *b, char **ret, struct error *err)
{
	const char *const sets[] = { a, b };
	struct label all[2 * LABELS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		const char *at = NULL;

		while (n < 2 * LABELS_MAX &&
		       labels_next(sets[i], &at, &all[n].text, &all[n].length))
			n++;
	}
	return write_set(all, n, ret, err);
}
